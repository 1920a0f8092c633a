"""Options of a machine: one for each parameter, and what is said of a mistake."""

import argparse
from dataclasses import fields

import pytest

from hw.config import CoreConfig
from hw.host.options import add_config_options, config_from_options
from hw.host.program import CommandLineError, run


def parsed(*arguments: str) -> CoreConfig:
    parser = argparse.ArgumentParser()
    add_config_options(parser)
    return config_from_options(parser.parse_args(arguments))


CHANGES = {
    "mantissa_widths": ("--mantissa=4,6", (4, 6)), "block_size": ("--block=16", 16),
    "exponent_width": ("--exponent-width=6", 6), "rounding_modes": ("--rounding=truncate", ("truncate",)),
    "dot": ("--dot=16", 16), "tile_rows": ("--tile-rows=2", 2), "tile_columns": ("--tile-columns=2", 2),
    "mesh_rows": ("--mesh-rows=2", 2), "mesh_columns": ("--mesh-columns=2", 2), "interleave": ("--interleave=2", 2),
    "accumulator": ("--accumulator=bf16", "bf16"), "accumulator_cycles": ("--accumulator-cycles=2", 2),
    "tree_cycles": ("--tree-cycles=1", 1), "datapath": ("--datapath=dsp", "dsp"), "lanes": ("--lanes=8", 8),
    "load_lines": ("--load-lines=1", 1), "operand_depth": ("--operand-depth=8", 8), "panel_columns": ("--panel-columns=8", 8),
    "result_panels": ("--result-panels=3", 3), "result_streams": ("--result-streams=1", 1), "queue_depth": ("--queue-depth=2", 2),
    "features": ("--features=bias", ("bias",)), "clock_gating": ("--clock-gating", True),
}  # fmt: skip


def test_no_option_is_the_usual_machine():
    assert parsed() == CoreConfig()


def test_every_parameter_has_an_option():
    assert set(CHANGES) == {field.name for field in fields(CoreConfig)}


@pytest.mark.parametrize("name", CHANGES)
def test_an_option_is_its_parameter(name):
    option, value = CHANGES[name]
    assert parsed(option) == CoreConfig(**{name: value})


def test_pairs_are_both_at_once():
    assert parsed("--tile", "2x3", "--mesh", "1X2") == CoreConfig(tile_rows=2, tile_columns=3, mesh_columns=2)


def test_results_by_two_streams():
    assert parsed("--result-streams=2", "--mesh=2x1") == CoreConfig(mesh_rows=2, result_streams=2)


def test_lines_side_by_side():
    wanted = CoreConfig(lanes=64, load_lines=2, features=("packed",))
    assert parsed("--load-lines=2", "--lanes=64", "--features=packed") == wanted


def test_names_come_in_any_order():
    assert parsed("--features", "bias,packed", "--rounding", "stochastic,nearest") == CoreConfig(
        features=("packed", "bias"), rounding_modes=("nearest", "stochastic")
    )


def test_all_mistakes_are_told_in_one_line():
    with pytest.raises(CommandLineError) as caught:
        parsed("--block", "0", "--queue-depth", "65", "--datapath", "fast")
    assert str(caught.value) == (
        "block_size must be between 1 and 1024, not 0; "
        "datapath must be one of structural, carry_chain, dsp, behavioral, not fast; "
        "queue_depth must be between 1 and 64, not 65"
    )


@pytest.mark.parametrize(("status", "arguments", "said"), [
    (0, [], ""), (3, ["--status", "3"], ""), (2, ["--what"], "prog: unrecognized arguments: --what\n"),
    (2, ["--status", "-1"], "prog: status must not be negative\n"),
])  # fmt: skip
def test_run_turns_mistakes_into_a_line_and_a_status(capsys, status, arguments, said):
    def add_options(parser):
        parser.add_argument("--status", type=int, default=0)

    def main(options):
        if options.status < 0:
            raise CommandLineError("status must not be negative")
        return options.status

    assert run("prog", "Do nothing.", add_options, main, arguments) == status
    assert capsys.readouterr().err == said


def test_a_closed_pipe_is_not_a_traceback(capsys):
    def main(options):
        raise BrokenPipeError

    assert run("prog", "Do nothing.", lambda parser: None, main, []) == 1
    assert capsys.readouterr().err == ""
