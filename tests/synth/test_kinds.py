"""Members of records against their annotations."""

from dataclasses import dataclass, field
from typing import Any

import pytest

from synth.kinds import LARGEST, check_kinds
from tests.sim.messages import rejects


@dataclass
class Inner:
    size: int = 1


@dataclass
class Record:
    name: str = "a"
    share: float = 0.5
    gates: bool = True
    period: float | None = None
    inner: Inner = field(default_factory=Inner)
    parts: dict[str, float] = field(default_factory=dict)
    clocks: tuple[float, ...] = ()
    anything: Any = None


def test_what_the_class_says_is_taken():
    check_kinds(Record())
    check_kinds(Record(share=1, period=LARGEST, parts={"a": 1, "b": 0.0}, clocks=(1.5, 2), anything=[-1]))


@pytest.mark.parametrize(("members", "error", "text"), [
    ({"name": 4}, TypeError, "name must be of kind str, not 4"),
    ({"share": "4"}, TypeError, "share must be of kind float, not '4'"),
    ({"share": True}, TypeError, "share must be of kind float, not True"),
    ({"gates": 1}, TypeError, "gates must be of kind bool, not 1"),
    ({"inner": None}, TypeError, "inner must be of kind Inner, not None"),
    ({"inner": Inner(0.5)}, TypeError, "size must be of kind int, not 0.5"),
    ({"parts": [1]}, TypeError, "parts must be of kind dict, not [1]"),
    ({"parts": {"a": None}}, TypeError, "parts.a must be of kind float, not None"),
    ({"clocks": (1, "x")}, TypeError, "clocks[1] must be of kind float, not 'x'"),
    ({"share": float("nan")}, ValueError, "share must be between 0 and 1e+15, not nan"),
    ({"period": -1}, ValueError, "period must be between 0 and 1e+15, not -1"),
    ({"inner": Inner(10**400)}, ValueError, f"size must be between 0 and 1e+15, not {10**400}"),
])  # fmt: skip
def test_anything_else_is_named(members, error, text):
    with rejects(error, text):
        check_kinds(Record(**members))
