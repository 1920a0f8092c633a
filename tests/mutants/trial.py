"""Tests in a child of this process, in which something was changed before."""

import importlib
import importlib.abc
import importlib.util
import os
import signal
import sys
import time
from collections.abc import Callable
from contextlib import suppress

from tests.mutants.source import ROOT, Mutant

__all__ = ["change", "prepare", "trial"]

OTHERS = ("pytest", "gfloat", "ml_dtypes", "numpy.random", "hypothesis.strategies")
OURS = ("golden", "hw", "sim", "synth", "hbfp")
OPTIONS = ("-x", "-q", "--no-header", "-p", "no:cacheprovider", "--noconftest", "-o", "addopts=--import-mode=importlib")


class _Changed(importlib.abc.MetaPathFinder, importlib.abc.InspectLoader):
    """Finds one module, and gives it another text."""

    def __init__(self, module: str, text: str):
        self.name, self.path, self.text = module.removesuffix(".py").replace("/", "."), str(ROOT / module), text

    def find_spec(self, fullname, path=None, target=None):
        if fullname == self.name:
            return importlib.util.spec_from_loader(fullname, self, origin=self.path)
        return None

    def get_source(self, fullname):
        return self.text

    def exec_module(self, module):
        module.__file__ = self.path
        exec(compile(self.text, self.path, "exec", dont_inherit=True), module.__dict__)


def prepare(*ours: str) -> None:
    """Import what all tests need, and of ours only these modules, so that children start soon."""
    os.environ |= {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "OMP_NUM_THREADS": "1"}
    for name in (*OTHERS, *ours):
        importlib.import_module(name)
    allowed = {name.split(".")[0] for name in ours}
    mine = [name for name in sys.modules if name.split(".")[0] in OURS and name.split(".")[0] not in allowed]
    if mine:
        raise RuntimeError(f"children would keep {mine[0]} unchanged")


def change(mutant: Mutant) -> None:
    """From now on in this process the mutant is imported in place of its module."""
    sys.meta_path.insert(0, _Changed(mutant.module, mutant.text()))


def _child(make: Callable[[], None], tests: list[str]) -> None:
    import pytest

    os.setsid()
    null = os.open(os.devnull, os.O_RDWR)
    for stream in range(3):
        os.dup2(null, stream)
    os.chdir(ROOT)
    status = 99
    with suppress(BaseException):
        make()
        status = int(pytest.main([*OPTIONS, *tests]))
    os._exit(status)


def trial(make: Callable[[], None], tests: list[str], seconds: float) -> tuple[str, float]:
    """What became of the mutant that ``make`` makes: "killed", "timeout" (killed by the clock) or "survived", and the
    seconds it took."""
    start = time.monotonic()
    child = os.fork()
    if not child:
        _child(make, tests)
    while time.monotonic() - start < seconds:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            kind = "survived" if os.waitstatus_to_exitcode(status) == 0 else "killed"
            return kind, time.monotonic() - start
        time.sleep(0.01)
    with suppress(ProcessLookupError):
        os.killpg(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return "timeout", time.monotonic() - start
