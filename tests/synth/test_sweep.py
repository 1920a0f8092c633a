"""Many designs: each measured or told why not, in their order; and the file of results."""

import json
import re
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path

import pytest

from hw.host.tools import ToolError
from synth import sweep as sweeps
from synth.density.row import Design, Row
from synth.sweep import load, save, sweep


@dataclass(frozen=True)
class Number:
    """A design whose measurement is its square."""

    value: int

    @property
    def label(self) -> str:
        return f"number {self.value}"


def square(design, *, build, seconds):
    """Measured in any process."""
    if design.value == 13:
        raise ToolError(f"no luck in {build.name} after {seconds:g} s")
    return design.value**2


@pytest.fixture(autouse=True)
def yosys(monkeypatch):
    monkeypatch.setattr(sweeps, "yosys_version", lambda: "Yosys of this test")


DESIGNS = [Number(3), Number(13), Number(5)]


def test_one_failure_does_not_end_the_others(tmp_path, capsys):
    rows, failures = sweep(DESIGNS, square, build=tmp_path / "build", seconds=9)
    assert rows == [9, 25]
    assert failures == [(Number(13), "ToolError: no luck in build after 9 s")]
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.splitlines() == ["1 of 3: number 3", "2 of 3: number 13", "3 of 3: number 5"]


def test_quiet(capsys):
    assert sweep(DESIGNS[:1], square, jobs=4, quiet=True) == ([9], [])
    assert capsys.readouterr() == ("", "")


class Pool:
    """Processes that finish in the opposite order, one of which dies."""

    def __init__(self, jobs, mp_context):
        assert (jobs, mp_context.get_start_method()) == (2, "spawn")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def submit(self, work, *arguments):
        future = Future()
        if arguments[1] == Number(5):
            future.set_exception(sweeps.BrokenProcessPool())
        else:
            future.set_result(work(*arguments))
        return future


def test_results_are_in_the_order_of_the_designs(monkeypatch):
    monkeypatch.setattr(sweeps, "ProcessPoolExecutor", Pool)
    monkeypatch.setattr(sweeps, "as_completed", lambda futures: reversed(list(futures)))
    rows, failures = sweep([*DESIGNS, Number(2)], square, jobs=2, quiet=True, build=Path("b"), seconds=1)
    assert rows == [9, 4]
    assert failures == [
        (Number(13), "ToolError: no luck in b after 1 s"), (Number(5), "the process died; see the folder of its log")]  # fmt: skip


def test_without_yosys_nothing_begins(monkeypatch):
    def none():
        raise ToolError("no Yosys was found")

    monkeypatch.setattr(sweeps, "yosys_version", none)
    with pytest.raises(ToolError, match=r"^no Yosys was found$"):
        sweep(DESIGNS, lambda *_, **__: pytest.fail("measured"))


def row(format, accounting="tile", library="reference", area=2.0, period=4.0):
    return Row(Design(format, library, accounting=accounting), area, {"core": area}, 0, period, "by hand", 4, 1, 8, "all")


def test_a_file_of_results_is_read_again(tmp_path, monkeypatch):
    monkeypatch.setattr(sweeps, "_digest", lambda name: f"digest of {name}")
    rows = [row("hbfp4", "array"), row("fp32", "array", "mine", 3.0, 5.0), row("hbfp4", "array", "mine", 3.0, 5.0)]
    save(tmp_path / "new" / "a.json", rows, [(Design("int4"), "no")], "python -m synth")
    value = json.loads((tmp_path / "new" / "a.json").read_text())
    assert load(tmp_path / "new" / "a.json") == rows
    assert value["command"] == "python -m synth"
    assert value["libraries"] == {"reference": "digest of reference", "mine": "digest of mine"}
    assert (value["area_um2"], value["clock_mhz"]) == (24.0, 200.0), "of HBFP4's array in a library of a process"
    assert value["failures"][0]["error"] == "no"
    assert value["failures"][0]["design"]["format"] == "int4"


@pytest.mark.parametrize("rows", [[row("hbfp4", library="mine")], [row("fp32", "array", "mine")], [row("hbfp4", "array")],
                                  [row("hbfp4", "array", "mine", period=None)], []])  # fmt: skip
def test_no_area_of_a_core_where_none_was_measured(rows, tmp_path, monkeypatch):
    monkeypatch.setattr(sweeps, "_digest", str)
    save(tmp_path / "a.json", rows, [], "")
    assert "area_um2" not in json.loads((tmp_path / "a.json").read_text())


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{}", "is no results file: 'rows'"), ("[]", "is no results file: list indices must be integers or slices, not str"),
        ('{"rows": [1]}', "is no results file: 'int' object is not subscriptable"),
        ('{"rows": [{}]}', "is no results file: 'design'"), ("{", "is not JSON: "),
    ],
)  # fmt: skip
def test_what_is_no_file_of_results(text, message, tmp_path):
    (tmp_path / "a.json").write_text(text)
    with pytest.raises(ValueError, match=f"^{re.escape(str(tmp_path / 'a.json'))} {re.escape(message)}"):
        load(tmp_path / "a.json")
