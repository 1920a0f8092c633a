"""Adder cells: every input."""

from itertools import product

import pytest

from hw.dot.adder_cells import FullAdder, HalfAdder, HalfAdderPlusOne
from tests.logic import component_outputs


@pytest.mark.parametrize(("cell", "inputs", "more"), [(FullAdder, "abc", 0), (HalfAdder, "ab", 0), (HalfAdderPlusOne, "ab", 1)])
def test_sum_and_carry(cell, inputs, more):
    bits = list(product((0, 1), repeat=len(inputs)))
    found = component_outputs(cell(), ("sum", "carry"), [dict(zip(inputs, values, strict=True)) for values in bits])
    assert [total + 2 * carry for total, carry in found] == [sum(values) + more for values in bits]


def test_names_are_what_synthesis_maps():
    assert [cell().module_name for cell in (FullAdder, HalfAdder, HalfAdderPlusOne)] == [
        "full_adder", "half_adder", "half_adder_plus_one"
    ]  # fmt: skip
