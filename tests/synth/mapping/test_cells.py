"""Functions of cells: every operator, their order, and what is no expression."""

import re
from itertools import product

import pytest

from synth.mapping.cells import compile_function, truth_table


@pytest.mark.parametrize(
    ("text", "meaning"),
    [
        ("A", lambda a, b, c: a), ("!A", lambda a, b, c: not a), ("A'", lambda a, b, c: not a), ("A''", lambda a, b, c: a),
        ("A&B", lambda a, b, c: a and b), ("A*B", lambda a, b, c: a and b), ("A B", lambda a, b, c: a and b),
        ("A|B", lambda a, b, c: a or b), ("A+B", lambda a, b, c: a or b), ("A^B", lambda a, b, c: a != b),
        ("A|B&C", lambda a, b, c: a or (b and c)), ("A&B|C", lambda a, b, c: (a and b) or c),
        ("A^B&C", lambda a, b, c: (a != b) and c), ("A&B^C", lambda a, b, c: a and (b != c)),
        ("!(A|B)C", lambda a, b, c: not (a or b) and c), ("(A B)'", lambda a, b, c: not (a and b)),
        ("!A'", lambda a, b, c: a), ("((A))", lambda a, b, c: a),
        ("A 1", lambda a, b, c: a), ("A + 1", lambda a, b, c: True), ("A 0", lambda a, b, c: False),
    ],
)  # fmt: skip
def test_every_operator_in_its_order(text, meaning):
    table = truth_table(text, ["A", "B", "C"])
    for c, b, a in product((0, 1), repeat=3):
        assert table >> (4 * c + 2 * b + a) & 1 == bool(meaning(a, b, c)), (a, b, c)


def test_lanes_are_independent():
    assert compile_function("!(A B)", ("A", "B"))(0b1111, 0b1100, 0b1010) == 0b0111


def test_pins_may_be_bits_of_a_bus():
    assert truth_table("D[0] ^ D[1]", ["D[0]", "D[1]"]) == 0b0110


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "function '' ends early"), ("A &", "function 'A &' ends early"), ("(A", "function '(A' ends early"),
        ("A B)", "function 'A B)' does not parse"), ("A & Z", "function 'A & Z' has the unknown pin Z"),
        ("A | & B", "function 'A | & B' has the unknown pin &"),
    ],
)  # fmt: skip
def test_what_is_no_expression_is_told(text, message):
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        compile_function(text, ("A", "B"))
    assert truth_table(text, ["A", "B"]) is None
