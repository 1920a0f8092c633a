"""Tests in a child of this process, in which something was changed before."""

import gc
import importlib
import importlib.abc
import importlib.util
import os
import signal
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from tempfile import TemporaryFile

from tests.mutants.source import ROOT, Mutant

__all__ = ["change", "prepare", "trial"]

OTHERS = ("pytest", "gfloat", "ml_dtypes", "numpy.random", "hypothesis.strategies")
OURS = ("golden", "hw", "sim", "synth", "hbfp")
OPTIONS = ("-x", "-q", "--no-header", "-p", "no:cacheprovider", "--noconftest", "-o", "addopts=--import-mode=importlib")

_SECONDS: dict[str, float] = {}
"""What tests took that passed in a trial before; 0 for those that failed."""


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


class _Order:
    """A plugin of pytest: those that killed a mutant before come first, then the quick ones. What tests took is told."""

    def __init__(self, told: int):
        self.told = told

    def pytest_collection_modifyitems(self, items) -> None:
        items.sort(key=lambda item: _SECONDS.get(item.nodeid, 0.01))

    def pytest_runtest_logreport(self, report) -> None:
        if report.when == "call" or report.failed:
            os.write(self.told, f"{0 if report.failed else report.duration}\t{report.nodeid}\n".encode())


def _child(make: Callable[[], None], tests: list[str], told: int) -> None:
    import pytest

    gc.disable()
    os.setsid()
    null = os.open(os.devnull, os.O_RDWR)
    for stream in range(3):
        os.dup2(null, stream)
    os.chdir(ROOT)
    status = 99
    with suppress(BaseException):
        make()
        status = int(pytest.main([*OPTIONS, *tests], [_Order(told)]))
    os._exit(status)


def trial(make: Callable[[], None], tests: list[str], seconds: float) -> tuple[str, float]:
    """What became of the mutant that ``make`` makes: "killed", "timeout" (killed by the clock) or "survived", and the
    seconds it took."""
    start = time.monotonic()
    with TemporaryFile("r+") as told:
        child = os.fork()
        if not child:
            _child(make, tests, told.fileno())
        outcome = _outcome(child, start, seconds)
        told.seek(0)
        for took, name in (line.rstrip("\n").split("\t", 1) for line in told):
            _SECONDS[name] = min(float(took), _SECONDS.get(name, float(took)))
    return outcome, time.monotonic() - start


def _outcome(child: int, start: float, seconds: float) -> str:
    while time.monotonic() - start < seconds:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return "survived" if os.waitstatus_to_exitcode(status) == 0 else "killed"
        time.sleep(0.01)
    with suppress(ProcessLookupError):
        os.killpg(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return "timeout"
