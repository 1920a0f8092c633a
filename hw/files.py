"""Files that are written whole or not at all."""

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path

__all__ = ["check_outputs", "keep", "write_files"]


def check_outputs(*paths: Path) -> None:
    """Refuse, before the work, files that cannot be written; folders that are missing are made when they are.

    Raises
    ------
    ValueError
        Naming the path: a folder, a device, or a place where nothing can be written.
    """
    for path in paths:
        folder = path.parent
        while not os.path.lexists(folder) and folder != folder.parent:
            folder = folder.parent
        writable = folder.is_dir() and os.access(folder, os.W_OK)
        if not writable or path.name in ("", "..") or (os.path.lexists(path) and not path.is_file()):
            raise ValueError(f"output must be a file in a writable folder, not {path}")


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
