"""Which designs the report measures."""

from argparse import Namespace

import pytest
from rich.console import Console

from synth.density.sets import CURVES, clocks
from synth.report import cli


def designs(**options):
    given = {"again": None, "set": "quick", "library": "reference", "formats": None} | options
    return cli._designs(Namespace(**given), Console(quiet=True))


def test_only_the_formats_asked_for():
    found = designs(formats="hbfp4,fp32")
    assert {design.format for design in found} == {"hbfp4", "fp32"}
    assert found == [design for design in designs() if design.format in ("hbfp4", "fp32")]


def test_a_curve_of_a_format_that_the_set_leaves_out():
    assert "nvfp4" not in CURVES
    found = designs(set="clocks", formats="nvfp4")
    assert found == clocks(["reference"], ("nvfp4",))
    assert len({(design.cycles, design.tree_cycles) for design in found}) > 5


def test_an_unknown_format_is_refused():
    with pytest.raises(ValueError, match=r"^format must be one of hbfp4, .*, not hbfp3$"):
        designs(formats="hbfp3")
