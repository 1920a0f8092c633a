"""Verilog and a C++ file that drives it, as a shared library: built once per content, whatever else happens meanwhile."""

import ctypes
import fcntl
import hashlib
import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from sim.rtl import verilator

if TYPE_CHECKING:
    from amaranth.lib.wiring import Component

__all__ = ["RtlError", "cache_folder", "compile_library", "load_library"]

ROOT = Path(__file__).parents[2]


class RtlError(RuntimeError):
    """A core that cannot be built, refused a command or did not finish."""


def cache_folder() -> Path:
    """Where compiled cores are kept: ``$HBFP_CACHE``, the build folder of a checkout, or the user's cache folder.

    Raises
    ------
    RtlError
        if the variable names no place for a folder.
    """
    if "HBFP_CACHE" in os.environ:
        named = os.environ["HBFP_CACHE"]
        folder = Path(named)
        if not named or (folder.exists() and not folder.is_dir()):
            raise RtlError(f"HBFP_CACHE must name a folder, not {named or 'nothing'}")
        return folder
    if (ROOT / "pyproject.toml").exists():
        return ROOT / "build" / "cores"
    return Path.home() / ".cache" / "hbfp"


def compile_library(
    component: "Component", shim: Path, stem: str, name: str, defines: Sequence[str] = (), quick: bool = False,
    again: bool = False,
) -> Path:  # fmt: skip
    """Shared library of a component's Verilog and a C++ file that drives its model, compiled once per content.

    The model's class is ``V<stem>``; ``name`` begins the name of its folder in ``cache_folder()``. A library is built in
    a folder of its own, under a lock between processes, and moved to its place when it is whole. With ``again`` it is
    built even if it is there.

    Raises
    ------
    RtlError
        if a tool is missing or the compiler fails; the text names its log.
    """
    from hw.emit import emit_verilog

    text = emit_verilog(component)
    key = hashlib.sha256((f"{quick}{text}" + shim.read_text()).encode()).hexdigest()[:16]
    folder = cache_folder() / f"{name}-{key}"
    library = folder / f"{stem}.so"
    try:
        verilator.activate()
    except FileNotFoundError as error:
        raise RtlError(str(error)) from None
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with open(folder / "lock", "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if again or not _is_whole(library):
                (folder / f"{stem}.v").write_text(text)
                _compile(folder / f"{stem}.v", component.module_name, shim, library, defines, quick)
                library.with_suffix(".sha256").write_text(_digest(library))
    except OSError as error:
        raise RtlError(f"compiled cores cannot be kept in {folder}: {error.strerror}") from None
    return library


def load_library(
    component: "Component", shim: Path, stem: str, name: str, defines: Sequence[str] = (), quick: bool = False
) -> ctypes.CDLL:
    """``compile_library``, loaded. One that does not load, being another machine's or linked in parts, is built again.

    Raises
    ------
    RtlError
        as of ``compile_library``; if it does not load even then.
    """
    arguments = component, shim, stem, name, defines, quick
    try:
        return ctypes.CDLL(str(compile_library(*arguments)))
    except OSError:
        pass
    try:
        return ctypes.CDLL(str(compile_library(*arguments, again=True)))
    except OSError as error:
        raise RtlError(f"the compiled {stem} does not load: {error}") from None


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _is_whole(library: Path) -> bool:
    """Whether a library is the one that was put there: not cut by a full disk or a copy."""
    noted = library.with_suffix(".sha256")
    return library.exists() and noted.exists() and noted.read_bytes() == _digest(library).encode()


def _compile(source: Path, top: str, shim: Path, library: Path, defines: Sequence[str], quick: bool) -> None:
    """Build in a fresh folder: objects that a build left behind which was cut may be cut too."""
    folder, stem = source.parent, source.stem
    objects, part = folder / "objects", folder / "objects" / library.name
    shutil.rmtree(objects, ignore_errors=True)
    objects.mkdir()
    include = verilator.verilator_root() / "include"
    level = "-O0" if quick else "-O1"  # -O2 compiles twice as long for a simulation that is 8 % faster
    runtime = verilator.RuntimeObjects(cache_folder(), f"library {level}")
    make = ["make", "-C", str(objects), "-f", f"V{stem}.mk"]
    commands = [
        [
            "verilator", "--cc", "-O3", "--no-timing", "-Wno-fatal", "--x-assign", "fast", "--x-initial", "fast",
            "--top-module", top, "--prefix", f"V{stem}", "--Mdir", str(objects), "-CFLAGS", "-fPIC", str(source),
        ],
        *runtime.copying(objects),
        *runtime.building(make, level),
        [
            "g++", "-std=c++17", level, "-fPIC", "-shared", "-Wl,-z,defs", *defines,
            f"-I{objects}", f"-I{include}", f"-I{include / 'vltstd'}", str(shim), str(objects / f"libV{stem}.a"),
            str(objects / "libverilated.a"), "-lpthread", "-o", str(part),
        ],
    ]  # fmt: skip
    with open(folder / "build.log", "w") as log:
        failed = any(subprocess.run(command, stdout=log, stderr=subprocess.STDOUT, check=False).returncode for command in commands)
    if failed:
        raise RtlError(f"compiling the {stem} failed; see {folder / 'build.log'}")
    runtime.keep(objects)
    part.replace(library)
    shutil.rmtree(objects, ignore_errors=True)
