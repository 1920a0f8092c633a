"""Every command of ``python -m synth``: what is typed wrongly is one line, status 2, and nothing is measured or written."""

import json

import pytest

from hw.baseline.formats import FORMATS
from synth import __main__ as program
from synth.__main__ import main
from synth.mapping.liberty import KNOWN

FORMAT = f"format must be one of {', '.join(FORMATS)} (block formats with /N), not "
LIBRARY = f"library must be a file or one of reference, {', '.join(KNOWN)}, not "


@pytest.fixture(autouse=True)
def nothing_is_measured(monkeypatch, tmp_path):
    def measured(*_, **__):
        raise AssertionError("something was measured")

    for place in ("density", "report", "energy", "fpga", "layout"):
        monkeypatch.setattr(f"synth.{place}.cli.sweep", measured)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HBFP_LIBERTY_PATH", "")
    (tmp_path / "empty").write_text("")
    (tmp_path / "rows.json").write_text('{"rows": []}')
    return tmp_path


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("density --formats hbfp44", f"{FORMAT}hbfp44"), ("density --formats fp32/64", f"{FORMAT}fp32/64"),
        ("density --formats hbfp4/0", f"{FORMAT}hbfp4/0"),
        ("density --mesh 2x1", "mesh must have as many rows as columns, not 2x1"),
        ("density --tile 4", "tile must be ROWSxCOLUMNS, such as 4x4, not 4"),
        ("density --dot 0", "dot must be at least 1, not 0"), ("density --dot many", "dot must be an integer, not many"),
        ("density --accumulator-cycles 0", "accumulator_cycles must be at least 1, not 0"),
        ("density --tree-cycles -1", "tree_cycles must be at least 0, not -1"),
        ("density --target 0", "target must be a positive number of ns, not 0"),
        ("density --jobs 0", "jobs must be at least 1, not 0"),
        ("density --timeout soon", "timeout must be a positive number of seconds, not soon"),
        ("density --library none.lib", f"{LIBRARY}none.lib"),
        ("density --library reference,empty", "library empty does not parse: it has no cells"),
        ("density --build empty", "build must be a writable folder, not empty"),
        ("density --json .", "output must be a file in a writable folder, not ."),
        ("density more", "unrecognized arguments: more"),
        ("report --set most", "set must be one of quick, full, clock, clocks, silicon, not most"),
        ("report --from empty", "empty is not JSON: Expecting value: line 1 column 1 (char 0)"),
        ("report --again none.json", "none.json cannot be read: No such file or directory"),
        ("report --from rows.json --into empty", "empty has no markers <!-- name --> … <!-- /name --> to write between"),
        ("energy --formats int3", f"{FORMAT}int3"), ("energy --clock -2", "clock must be a positive number of ns, not -2"),
        ("energy --dot 0", "dot must be at least 1, not 0"), ("energy --target x", "target must be a positive number of ns, not x"),
        ("energy --library missing", f"{LIBRARY}missing"),
        ("energy --from none.json", "none.json cannot be read: No such file or directory"),
        ("fpga --seeds none", "seeds must be an integer, not none"), ("fpga --formats hbfp4,x", f"{FORMAT}x"),
        ("fpga --queue-depth 8", "queue_depth is a core's: it needs --core"),
        ("fpga --mesh 2x2", "mesh is a core's: it needs --core"),
        ("layout --piece chip", "piece must be one of tile, unit, not chip"),
        ("layout --utilisation nothing", "utilisation must be a positive number of shares, not nothing"),
        ("layout --picture .", "output must be a file in a writable folder, not ."),
        ("outside none.v", "the following arguments are required: --top"),
        ("outside --top t", "the following arguments are required: FILE"),
        ("libraries --all", "unrecognized arguments: --all"),
        ("", "the following arguments are required: density|report|energy|layout|fpga|outside|libraries"),
    ],
)  # fmt: skip
def test_one_line_and_status_2(line, message, capsys, nothing_is_measured):
    before = sorted(path.name for path in nothing_is_measured.iterdir())
    assert main(line.split()) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err == f"python -m synth: {message}\n"
    assert sorted(path.name for path in nothing_is_measured.iterdir()) == before


def test_an_unknown_command(capsys):
    assert main(["area"]) == 2
    begin = "python -m synth: argument density|report|energy|layout|fpga|outside|libraries: invalid choice: 'area' (choose from "
    assert capsys.readouterr().err.startswith(begin)


def test_libraries_that_are_here(capsys, monkeypatch, nothing_is_measured):
    monkeypatch.setattr(program, "known_libraries", lambda: {"reference": "here.lib", "sky130": None})
    assert main(["libraries"]) == 0
    assert capsys.readouterr().out == "reference  here.lib\nsky130     not found\n"


def test_what_could_not_be_measured_is_status_1(capsys, monkeypatch):
    from synth.density.row import Design

    monkeypatch.setattr("synth.density.cli.sweep", lambda designs, *_, **__: ([], [(designs[0], "ToolError: no")]))
    monkeypatch.setattr("synth.sweep.find_library", lambda *_: pytest.fail("no library is needed"))
    assert main(["density", "--formats", "int4", "--json", "new/a.json"]) == 1
    assert capsys.readouterr().err == "int4 in reference (tile): ToolError: no\n"
    with open("new/a.json") as file:
        (failure,) = json.load(file)["failures"]
    assert failure["error"] == "ToolError: no"
    assert Design(**failure["design"]) == Design("int4")


def test_options_make_the_designs(monkeypatch):
    from synth.density.row import Design

    seen = []
    monkeypatch.setattr("synth.density.cli.sweep", lambda designs, *_, **options: seen.append((designs, options)) or ([], []))
    line = ("density --formats int4,hbfp4/16 --dot 8 --tile 2x3 --mesh 2x2 --accumulator-cycles 3 --tree-cycles 1 --effort speed "
            "--target 2.5 --no-clock-gates --accounting array --converter own --jobs 3 --timeout 5 --json")  # fmt: skip
    assert main(line.split()) == 0
    ((designs, options),) = seen
    rest = ("reference", 8, 2, 3, 3, False, "array", "own", 1, "speed", 2, 2.5)
    assert designs == [Design("int4", *rest), Design("hbfp4/16", *rest)]
    assert (options["jobs"], options["seconds"], options["dask"]) == (3, 5.0, None)
