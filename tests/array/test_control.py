"""Control that travels with operands: a bit each, and as many for the slot as outputs take turns."""

import pytest

from hw.array.control import control_layout
from hw.config import CoreConfig


@pytest.mark.parametrize(("interleave", "bits"), [(1, 0), (2, 1), (3, 2), (8, 3), (9, 4)])
def test_slots_are_as_many_as_outputs(interleave, bits):
    layout = control_layout(CoreConfig(interleave=interleave))
    assert [name for name, _ in layout] == ["valid", "clear", "shift", "block", "first", "last", "final", "slot"]
    assert layout["slot"].width == bits
    assert layout.size == 7 + bits
