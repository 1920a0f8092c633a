"""The tables of docs/training.md are those of the results beside it."""

import json
from pathlib import Path

import pytest

from hbfp.train.plots import main
from hbfp.train.report import markdown, summarize
from hbfp.train.tasks import FORMATS, TASKS

DOCS = Path(__file__).parents[3] / "docs"
RESULTS = sorted(DOCS.glob("training-torch-*.json"))


@pytest.mark.parametrize("path", RESULTS, ids=lambda path: path.stem)
def test_documented_tables_are_of_the_results(path):
    result = json.loads(path.read_text(encoding="utf-8"))
    assert result["summary"] == summarize(result["runs"])
    (task,) = {row["task"] for row in result["summary"]}
    page = (DOCS / "training.md").read_text(encoding="utf-8")
    assert markdown(result["summary"], task) in page
    assert result["command"] in page
    assert task in TASKS
    assert {row["format"] for row in result["summary"]} <= set(FORMATS)
    assert {run["parameters"] for run in result["runs"]} == {sum(p.numel() for p in TASKS[task].network().parameters())}
    assert set(result["linear"]) == ({task} if TASKS[task].metric == "accuracy" else set())  # of texts there is none
    assert all(f"{100 * accuracy:.1f} %" in page for accuracy in result["linear"].values())


def test_the_picture_of_epochs_is_made_of_results(tmp_path):
    assert main([*map(str, RESULTS[:2]), "-o", str(tmp_path / "a.png")]) == 0
    assert (tmp_path / "a.png").read_bytes()[:4] == b"\x89PNG"
