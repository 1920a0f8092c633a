"""Files that are written whole or not at all, and read up to a limit."""

import json
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

__all__ = ["LARGEST", "check_folder", "check_outputs", "keep", "read_file", "read_json", "read_text", "write_files"]

LARGEST = 1 << 26
"""Bytes of a user's file of text that are read; what is larger, or a device without end, is refused."""


def read_file(path: Path, largest: int = LARGEST) -> bytes:
    """Content of a file that a user named.

    Raises
    ------
    ValueError
        naming the file: it cannot be read, or has more than ``largest`` bytes.
    """
    try:
        with open(path, "rb") as file:
            content = file.read(largest + 1)
    except OSError as error:
        raise ValueError(f"{path} cannot be read: {error.strerror}") from None
    if len(content) > largest:
        raise ValueError(f"{path} must have at most {largest} bytes")
    return content


def read_text(path: Path) -> str:
    """Text of a file that a user named, without a byte order mark.

    Raises
    ------
    ValueError
        as of ``read_file``; if it is not UTF-8.
    """
    try:
        return read_file(path).decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ValueError(f"{path} is not a text file") from None


def read_json(path: Path) -> Any:
    """Value of a JSON file that a user named.

    Raises
    ------
    ValueError
        as of ``read_text``; if it is not JSON, or too deep or too long a number.
    """
    text = read_text(path)
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path} is not JSON: {str(error).partition(';')[0]}") from None


def check_outputs(*paths: Path) -> None:
    """Refuse, before the work, files that cannot be written; folders that are missing are made when they are.

    Raises
    ------
    ValueError
        Naming the path: a folder, a device, or a place where nothing can be written.
    """
    for path in paths:
        if not _writable(path.parent) or path.name in ("", "..") or (os.path.lexists(path) and not path.is_file()):
            raise ValueError(f"output must be a file in a writable folder, not {path}")


def check_folder(name: str, path: Path) -> None:
    """Refuse, before the work, a folder that cannot be written or made.

    Raises
    ------
    ValueError
        Naming the parameter and the path.
    """
    if not _writable(path):
        raise ValueError(f"{name} must be a writable folder, not {path}")


def _writable(folder: Path) -> bool:
    """Whether files can be put into a folder, or into what is there of its path."""
    while not os.path.lexists(folder) and folder != folder.parent:
        folder = folder.parent
    return folder.is_dir() and os.access(folder, os.W_OK)


def write_files(files: Mapping[Path, str | bytes]) -> None:
    """Write all files or none: each is complete under another name before any is moved to its own.

    Missing folders are made. The files get the permissions that the process's mask allows.

    Raises
    ------
    ValueError
        Naming the path that cannot be written and what the system says of it.
    """
    umask = os.umask(0)
    os.umask(umask)
    written: list[tuple[str, Path]] = []
    path = Path()
    try:
        for path, content in files.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            handle, name = tempfile.mkstemp(prefix=".hbfp", dir=path.parent)
            written.append((name, path))
            with os.fdopen(handle, "wb") as file:
                file.write(content.encode() if isinstance(content, str) else content)
            os.chmod(name, 0o666 & ~umask)
        for name, path in written:
            os.replace(name, path)
    except OSError as error:
        raise ValueError(f"output must be a writable path, not {path}: {error.strerror}") from None
    finally:
        for name, _ in written:
            Path(name).unlink(missing_ok=True)


def keep(path: Path, text: str) -> None:
    """Write one file whole or not at all, whatever other processes and threads do."""
    write_files({path: text})
