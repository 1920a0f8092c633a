"""Runs that ended are found again, whatever the last interruption left of the file."""

import json
from dataclasses import replace

import pytest

from hbfp.train import journal
from hbfp.train.journal import Journal
from hbfp.train.run import Point

POINT = Point("mlp", "HBFP4", 1)


@pytest.fixture(autouse=True)
def version(monkeypatch):
    """Of the code, as the tests set it."""
    seen = {"is": "one"}
    monkeypatch.setattr(journal, "_version", lambda: seen["is"])
    return seen


def test_a_run_is_known_by_all_it_depends_on(tmp_path, version):
    Journal(tmp_path / "new" / "runs.jsonl").add({"accuracy": [0.5]}, POINT)
    known = Journal(tmp_path / "new" / "runs.jsonl")
    others = [replace(POINT, seed=2), replace(POINT, format="FP32"), replace(POINT, factor=2.0), replace(POINT, epochs=3)]
    assert known.known([POINT, *others]) == {POINT: {"accuracy": [0.5]}}
    version["is"] = "another"
    assert known.known([POINT]) == {}


@pytest.mark.parametrize(
    "cut", [b"", b'{"key": "half', b"\xff\xfe", b"[1, 2]\n", b'{"key": 1}\n', b'{"key": "k", "record": 3}\n', b"\n\n"]
)
def test_what_an_interruption_left_is_passed_over(cut, tmp_path):
    path = tmp_path / "runs.jsonl"
    Journal(path).add({"n": 1}, POINT)
    with open(path, "ab") as file:
        file.write(cut)
    book = Journal(path)
    assert book.known([POINT]) == {POINT: {"n": 1}}
    other = replace(POINT, seed=9)
    book.add({"n": 2}, other)
    assert book.known([other, POINT]) == Journal(path).known([POINT, other]) == {POINT: {"n": 1}, other: {"n": 2}}


def test_the_last_of_two_counts(tmp_path):
    path = tmp_path / "runs.jsonl"
    for n in (1, 2):
        Journal(path).add({"n": n, "who": "ä"}, POINT)
    assert Journal(path).known([POINT]) == {POINT: {"n": 2, "who": "ä"}}
    assert [json.loads(line)["record"]["who"] for line in path.read_text(encoding="utf-8").splitlines()] == ["ä", "ä"]


def test_the_version_is_of_every_file_that_a_number_depends_on(tmp_path, monkeypatch):
    monkeypatch.undo()
    for name in ("golden/a.py", "golden/layers/b.py", "hbfp/torch/kernels/k.cpp", "hbfp/train/tasks.py", "hbfp/train/report.py"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("x")
    monkeypatch.setattr(journal, "ROOT", tmp_path)
    made = journal._version.__wrapped__
    before = made()
    (tmp_path / "hbfp/train/report.py").write_text("changed")
    (tmp_path / "golden/notes.md").write_text("new")
    assert made() == before
    for name in ("golden/layers/b.py", "hbfp/torch/kernels/k.cpp", "hbfp/train/tasks.py"):
        (tmp_path / name).write_text("changed")
        assert made() != before
        before = made()
