import json
from dataclasses import replace

import pytest

from hw.board.boards import BOARDS, RESOURCES
from hw.board.build import BuildError, least_tables, plan_build, too_large
from hw.board.cli import main
from hw.board.clock import ecp5_divisors, ice40_divisors
from hw.host.tools import ToolError

NAMES = ", ".join(BOARDS)


@pytest.mark.parametrize("name", BOARDS)
def test_dry_run_shows_files_and_commands(name, capsys, tmp_path):
    assert main([name, "--dry-run", "-o", str(tmp_path / "folder")]) == 0
    text = capsys.readouterr().out
    assert BOARDS[name].part in text
    assert "nextpnr" in text
    assert not (tmp_path / "folder").exists()


def test_list_names_every_board(capsys):
    assert main(["--list"]) == 0
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == list(BOARDS)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nope"], f"board must be one of {NAMES}, not nope"),
        ([], f"board must be one of {NAMES}; none was given"),
        (["ulx3s", "--clock", "900"], "clock must be between 1 and 400 MHz, not 900"),
        (["ulx3s", "--config", "/absent"], "/absent cannot be read: No such file or directory"),
    ],
)
def test_mistakes_are_one_line_and_status_2(arguments, message, capsys):
    assert main(arguments) == 2
    assert capsys.readouterr().err == f"hw.board: {message}\n"


def test_configuration_comes_from_the_generator_s_json(capsys, tmp_path):
    path = tmp_path / "machine.json"
    path.write_text(json.dumps({"parameters": {"dot": 8, "tile_rows": 1, "tile_columns": 1, "operand_depth": 32}}))
    assert main(["ulx3s", "--config", str(path), "--dry-run"]) == 0
    assert "hbfp4_n64_d8_t1x1" in capsys.readouterr().out
    path.write_text('{"dots": 8}')
    assert main(["ulx3s", "--config", str(path), "--dry-run"]) == 2
    assert capsys.readouterr().err == "hw.board: unknown parameter dots\n"


def test_says_by_how_much_a_machine_is_too_large(monkeypatch, capsys, tmp_path):
    """Found in the synthesised netlist: nothing is placed."""
    from hw.board.build import BuildPlan

    started = []
    monkeypatch.setattr(BuildPlan, "prepare", lambda self: None)
    monkeypatch.setattr(BuildPlan, "run", lambda self, number: started.append(number) or 0.0)
    used = {name: 2 * room for name, room in BOARDS["ice40_hx8k"].capacity.items()} | {"block RAM": 30}
    monkeypatch.setattr(BuildPlan, "resources", lambda self: used)
    assert main(["ice40_hx8k", "-o", str(tmp_path)]) == 2
    assert started == [0]
    assert capsys.readouterr().err == (
        "hw.board: the machine is too large for iCE40HX8K-CT256: 15360 LUT4 of 7680, 7680 too many (100 %), "
        "15360 flip-flops of 7680, 7680 too many (100 %)\n"
    )
    assert too_large({"LUT4": 10}, {"LUT4": 10}) == ""


def test_refuses_a_hopeless_machine_before_anything_runs(capsys, tmp_path):
    """The generator's default machine, 1024 multipliers, on the smallest part."""
    path = tmp_path / "machine.json"
    path.write_text("{}")
    assert main(["ice40_hx8k", "--config", str(path), "-o", str(tmp_path / "folder")]) == 2
    assert capsys.readouterr().err == (
        "hw.board: the machine is too large for iCE40HX8K-CT256: its multipliers alone take 18016 LUT4 of 7680, "
        "10336 too many (135 %)\n"
    )
    assert not (tmp_path / "folder").exists()


@pytest.mark.parametrize("board", BOARDS.values())
def test_the_least_is_less_than_what_the_boards_machines_take(board):
    assert 0 < least_tables(board.config) < board.capacity["LUT4"] / 4
    assert least_tables(replace(board.config, datapath="dsp")) == 0


def test_resources_count_cells_by_weight(tmp_path):
    plan = plan_build(BOARDS["ulx3s"], tmp_path)
    (tmp_path / "stat.json").write_text(
        '{"design": {"num_cells_by_type": {"LUT4": 5, "CCU2C": 3, "TRELLIS_FF": 7, "TRELLIS_DPR16X4": 1}}}'
    )
    assert plan.resources() == {"LUT4": 17, "flip-flops": 7, "block RAM": 0, "multipliers": 0}
    assert set(RESOURCES[BOARDS["ulx3s"].family]) == set(BOARDS["ulx3s"].capacity)


def test_missing_and_failing_tools_are_named(monkeypatch, tmp_path):
    monkeypatch.setenv("YOSYS", "absent-yosys")
    plan = plan_build(BOARDS["ice40_hx8k"], tmp_path)
    with pytest.raises(BuildError, match=r"^absent-yosys was not found"):
        plan.prepare()
    plan.steps = [["false"]]
    plan.prepare()
    with pytest.raises(ToolError, match=r"^false failed: status 1; log: .*false.log$"):
        plan.run(0)
    plan.steps = [["sh", "-c", "echo ERROR: Failed to expand region of 8465 ICESTORM_LCs; exit 1"]]
    with pytest.raises(BuildError, match=r": 8465 logic cells of 7680, 785 too many \(10 %\); log: .*sh.log$"):
        plan.run(0)


@pytest.mark.parametrize("target", [25e6, 48e6, 100e6, 120e6])
def test_clocks_come_close_and_not_above(target):
    divisor, feedback, output = ecp5_divisors(25e6, target)
    clock = 25e6 * feedback / divisor
    assert 0.97 * target <= clock <= target
    assert 400e6 <= clock * output <= 800e6
    r, f, q = ice40_divisors(12e6, target)
    assert 0.97 * target <= 12e6 / (r + 1) * (f + 1) / 2**q <= target
    assert r < 16
    assert f < 128


@pytest.mark.parametrize(("name", "least"), [("ulx3s", "5"), ("ice40_hx8k", "8.44")])
def test_rejects_a_clock_that_the_pll_does_not_make(name, least, capsys):
    assert main([name, "--dry-run", "--clock", "3"]) == 2
    assert capsys.readouterr().err == f"hw.board: clock must be at least {least} MHz, the PLL's slowest, not 3\n"
