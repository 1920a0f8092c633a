"""Formats by name, and the text of every rule that one can break."""

import re
from types import SimpleNamespace

import pytest
import torch

from golden import BlockFormat
from hbfp.torch.elements import ELEMENTS
from hbfp.torch.formats import FORMATS, HBFP, Values, format_named


@pytest.mark.parametrize("name", FORMATS)
def test_names(name):
    form = format_named(name, rounding="truncate")
    assert isinstance(form, HBFP if name == "hbfp" else Values)
    assert form.rounding == "truncate"
    assert getattr(form, "name", "hbfp") == name


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: format_named("fp3"), f"format must be one of {', '.join(FORMATS)}, not fp3"),
        (lambda: Values(name="hbfp"), f"name must be one of {', '.join(ELEMENTS)}, not hbfp"),
        (lambda: Values(rounding="up"), "rounding must be one of nearest, stochastic, truncate, not up"),
        (lambda: HBFP(rounding="up"), "rounding must be one of nearest, stochastic, truncate, not up"),
        (lambda: HBFP(rounding=("nearest", "up", "nearest")), "rounding must be one of nearest, stochastic, truncate, not up"),
        (lambda: HBFP(rounding=("nearest", "stochastic")), "rounding must be one name or three, not ('nearest', 'stochastic')"),
        (lambda: HBFP(rounding=None), "rounding must be one name or three, not None"),
        (lambda: HBFP(block_size=0), "block_size must be between 1 and 1024, not 0"),
        (lambda: HBFP(exponent_width=3), "exponent_width must be between 4 and 10, not 3"),
        (lambda: HBFP(power_of_two="round"), "power_of_two must be one of exact, saturate, not round"),
        (lambda: HBFP(tile_width=0), "tile_width must be between 1 and 1024, not 0"),
        (lambda: HBFP(tile_width=32), "tile_width must be 1 or the block_size 64, not 32"),
        (lambda: HBFP().check_machine(SimpleNamespace(block_size=16)), "block_size must be the machine's 16, not 64"),
        (lambda: Values(name="int8").check_machine(None),
         "format must be HBFP on a machine, not Values(rounding='stochastic', name='int8')"),
    ],
)  # fmt: skip
def test_rules(make, message):
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        make()


def test_an_accumulator_is_one_of_the_machine_s():
    with pytest.raises(ValueError, match=r"^accumulator must be one of fp32, bf16, aligned.*, not fp64$"):
        HBFP(accumulator="fp64")


def test_blocks():
    assert HBFP(block_size=16, exponent_width=6).block(5) == BlockFormat(5, 16, 6)
    assert HBFP(tile_width=64).tile_width == 64
    HBFP().check_machine(SimpleNamespace(block_size=64))


def test_values_are_rounded_as_said():
    x = torch.tensor([[1.0, 2.6, -3.4, 0.0]])
    assert Values(name="int4").quantize(x * 7 / 3.4, "nearest", 1).tolist() == torch.tensor([[2.0, 5, -7, 0]]).tolist()
    assert Values(name="bf16").quantize(torch.tensor([1.00390625]), "truncate", 1).item() == 1.0
