"""``python -m hw.bus``: what it writes and what it refuses."""

import pytest

from hw.bus.cli import main

SMALL = ["--block", "4", "--tile", "1x1", "--lanes", "2", "--operand-depth", "4", "--datapath", "behavioral"]


def test_writes_the_core_and_names_its_top(tmp_path, capsys):
    assert main([*SMALL, "-o", str(tmp_path / "new" / "axi.v")]) == 0
    (top,) = [line.removeprefix("top module: ") for line in capsys.readouterr().out.splitlines() if line.startswith("top")]
    assert f"module {top}(" in (tmp_path / "new" / "axi.v").read_text().replace(" (", "(")


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        *((["--clock=" + value], f"clock must be between 0 and 4294 MHz, not {value}") for value in ("inf", "-inf", "nan", "4294")),
        (["--clock", "1e400"], "clock must be between 0 and 4294 MHz, not inf"),
        (["--features", "packed,patches"], "features must be without patches on a bus, not packed, patches"),
        (["--result-streams", "2", "--mesh", "2x1"], "result_streams must be 1 on a bus, not 2"),
        (["--bus-width", "48"], "bus_width must be one of 32, 64, 128, 256, 512, not 48"),
        (["-o", "."], "output must be a file in a writable folder, not ."),
        (["-o", "/dev/null/axi.v"], "output must be a file in a writable folder, not /dev/null/axi.v"),
        (["--top", "3d"], None),
    ],
)
def test_refuses_in_one_line_and_writes_nothing(arguments, text, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main([*SMALL, *arguments]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert error == f"hw.bus: {text}\n" if text else error.startswith("hw.bus: top must be ")
    assert list(tmp_path.iterdir()) == []


def test_documents_are_written_both_or_neither(tmp_path, capsys):
    (tmp_path / "registers.md").mkdir()
    assert main(["--documents", str(tmp_path)]) == 2
    assert not (tmp_path / "command-word.md").exists()
    assert "registers.md" in capsys.readouterr().err
