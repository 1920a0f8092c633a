"""A failing case made smaller as long as it fails in the same way, and written as a test."""

import hashlib
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import fields, replace
from pathlib import Path
from pprint import pformat

from hw.config import CoreConfig
from tests.soak.case import Case, Work

__all__ = ["reduced", "write_test"]

SIZES = ("rows", "inner", "columns")
SIMPLEST = {
    "features": (), "interleave": 1, "accumulator_cycles": 1, "tree_cycles": 0, "mesh_rows": 1, "mesh_columns": 1,
    "tile_rows": 1, "tile_columns": 1, "panel_columns": None, "lanes": None, "dot": None, "queue_depth": 1,
    "accumulator": "fp32", "rounding_modes": ("nearest",), "exponent_width": 8, "mantissa_widths": (4,),
    "block_size": 2,
}  # fmt: skip
"""What parameters of a machine are tried as."""


def _fewer(case: Case) -> Iterator[Case]:
    """Without some of the works: the later half, the earlier half, each one."""
    works = case.works
    if len(works) > 1:
        half = len(works) // 2
        yield replace(case, works=works[:half])
        yield replace(case, works=works[half:])
        for i in reversed(range(len(works))):
            yield replace(case, works=works[:i] + works[i + 1 :])


def _with(case: Case, index: int, **values) -> Case:
    works = list(case.works)
    works[index] = replace(works[index], **values)
    return replace(case, works=tuple(works))


def _smaller(case: Case) -> Iterator[Case]:
    """With a size cut to 1, halved or less by one; with a field of a work as usual; without stalls."""
    if case.stalls:
        yield replace(case, stalls=0)
    for index, work in enumerate(case.works):
        for name in SIZES:
            size = getattr(work, name)
            for less in dict.fromkeys((1, size // 2, size - 1)):
                if 0 < less < size:
                    yield _with(case, index, **{name: less})
        for field in fields(Work):
            usual = field.default
            if field.name not in (*SIZES, "seed") and getattr(work, field.name) != usual:
                yield _with(case, index, **{field.name: usual})


def _simpler(case: Case) -> Iterator[Case]:
    """On a machine with a parameter as it is at its simplest."""
    for name, value in SIMPLEST.items():
        if getattr(case.config, name) == value:
            continue
        try:
            config = CoreConfig.from_dict(case.config.to_dict() | {name: value})
        except (TypeError, ValueError):
            continue
        if config != case.config:
            yield replace(case, config=config)


def reduced(case: Case, fails: Callable[[Case], bool], seconds: float) -> tuple[Case, int]:
    """The smallest case found for which ``fails``, and how many were tried; the machine is made simpler at the end."""
    deadline, tried = time.monotonic() + seconds, 0
    for candidates in (_fewer, _smaller, _simpler, _smaller):
        going = True
        while going:
            going = False
            for candidate in candidates(case):
                if time.monotonic() > deadline:
                    return case, tried
                tried += 1
                if fails(candidate):
                    case, going = candidate, True
                    break
    return case, tried


def write_test(case: Case, text: str, seed: int, folder: Path) -> Path:
    """A file for pytest that runs the case, named after what it holds."""
    values = case.to_dict()
    name = hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()[:10]
    path = folder / f"test_soak_{name}.py"
    folder.mkdir(parents=True, exist_ok=True)
    path.write_text(
        f'"""Found by soak from seed {seed}: {text}."""\n\n'
        "from tests.soak.case import Case\nfrom tests.soak.run import outcome_of\n\n"
        f"CASE = {pformat(values, width=100, sort_dicts=False)}\n\n\n"
        "def test_case():\n    outcome = outcome_of(Case.from_dict(CASE))\n    assert not outcome.failure, outcome.text\n"
    )
    return path
