"""The tests that stand nearest to a module: those of its name, or of its room."""

from tests.mutants.source import ROOT

__all__ = ["MODULES", "nearest", "whole"]

ROOMS = {"golden": "tests/golden", "golden/layers": "tests/golden/layers", "sim/model": "tests/sim/model"}
"""Rooms whose modules are changed, and where their tests are."""
ELSEWHERE = {"golden/product.py": ["tests/golden/test_matmul.py"]}
"""Tests of modules that have none of their own name."""
TOGETHER = ["tests/sim/test_exact.py", "tests/sim/model/test_core.py"]
"""Those of ``sim.model``, whose modules are tested as one, some by themselves before."""


def _modules(room: str) -> list[str]:
    return [str(path.relative_to(ROOT)) for path in sorted((ROOT / room).glob("*.py")) if path.name != "__init__.py"]


MODULES = [module for room in ROOMS for module in _modules(room)]
"""What is changed."""


def nearest(module: str) -> list[str]:
    """Test files, the nearest first."""
    room, name = module.rsplit("/", 1)
    if room == "sim/model":
        own = f"{ROOMS[room]}/test_{name}"
        return [own, *TOGETHER] if own not in TOGETHER and (ROOT / own).is_file() else TOGETHER
    return ELSEWHERE.get(module, [f"{ROOMS[room]}/test_{name}"])


def whole(module: str) -> list[str]:
    """All tests of the module's room, the nearest first."""
    room = ROOMS[module.rsplit("/", 1)[0]]
    near, tests = nearest(module), sorted(str(path.relative_to(ROOT)) for path in (ROOT / room).glob("test_*.py"))
    return [*near, *(test for test in tests if test not in near)]
