"""Options of the simulator: what is left out is None, and each has its parameter."""

import argparse

import pytest

from hw.config import CoreConfig
from hw.host.program import CommandLineError
from sim.options import MACHINE, POINT, _axis, add_options
from sim.study.explore import evaluate


def parsed(*arguments):
    parser = argparse.ArgumentParser()
    add_options(parser)
    return parser.parse_args(arguments)


def test_what_is_not_given_is_none_so_that_defaults_stand_once():
    options = vars(parsed())
    assert {name for name in POINT if options[name] not in (None, [])} == set()


def test_a_name_that_is_no_option_is_refused():
    with pytest.raises(ValueError, match=r"^resnet20 has no option colour; it has batch, classes, image, shortcut$"):
        evaluate("resnet20", {"colour": 1})


def test_every_member_of_the_machine_is_an_option():
    assert set(CoreConfig.__dataclass_fields__) <= {"block_size", *(MACHINE.get(name, name) for name in POINT)}


@pytest.mark.parametrize(
    ("text", "axis"),
    [
        ("mesh=1x1,2x2", ("mesh", ["1x1", "2x2"])), ("port-rate = 1/4, 1", ("port_rate", ["1/4", "1"])),
        ("bandwidth=8", ("bytes_per_cycle", ["8"])), ("schedule=all-4,", ("schedule", ["all-4", ""])), ("a=b=c", ("a", ["b=c"])),
    ],
)  # fmt: skip
def test_an_axis_of_a_sweep(text, axis):
    assert _axis(text) == axis


@pytest.mark.parametrize("text", ["", "mesh", "mesh="])
def test_what_is_no_axis(text):
    with pytest.raises(CommandLineError, match=f"^sweep must be NAME=VALUE,VALUE,..., not {text or 'nothing'}$"):
        _axis(text)


def test_switches_are_true_or_false_only_where_given():
    assert parsed("--ideal-ports").ports is False
    assert parsed("--overlap").overlap is True
    assert parsed("--energy").energy.endswith("docs/energy.json")
    assert parsed("--json").json == "-"
