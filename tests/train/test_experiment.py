"""The experiment: short, through its command line."""

import csv
import json
import re
from pathlib import Path

import pytest

from golden.train.__main__ import main
from golden.train.experiment import Point, summarize
from golden.train.report import markdown

SHORT = ["--tasks", "mlp", "--formats", "FP32", "Booster", "--seeds", "2", "--epochs", "2", "--workers", "1"]


def test_writes_table_files_and_plot_and_resumes(tmp_path, capsys):
    arguments = [*SHORT, "--output", str(tmp_path)]
    assert main(arguments) == 0
    assert re.search(r"Booster │ +\d+\.\d ± \d+\.\d │", capsys.readouterr().out)
    result = json.loads((tmp_path / "training.json").read_text())
    assert [(run["format"], run["seed"]) for run in result["runs"]] == [
        ("FP32", 1), ("Booster", 1), ("FP32", 2), ("Booster", 2),
    ]  # fmt: skip
    assert all(len(run["accuracy"]) == 2 and run["accuracy"][-1] > 0.6 for run in result["runs"])
    assert result["summary"] == summarize(result["runs"])
    rows = list(csv.DictReader((tmp_path / "training.csv").read_text().splitlines()))
    assert len(rows) == 8
    assert float(rows[-1]["accuracy"]) == pytest.approx(result["runs"][-1]["accuracy"][-1], abs=1e-5)
    assert (tmp_path / "training.png").read_bytes()[:4] == b"\x89PNG"
    journal = tmp_path / "runs.jsonl"
    lines = journal.read_text().splitlines(keepends=True)
    journal.write_text("".join(lines[:-1]) + lines[-1][:20])  # cut short in the middle of a line
    assert main(arguments) == 0
    again = json.loads((tmp_path / "training.json").read_text())
    assert [run["accuracy"] for run in again["runs"]] == [run["accuracy"] for run in result["runs"]]
    assert len(journal.read_text().splitlines()) == 5
    assert [run["cpu_seconds"] for run in again["runs"][:3]] == [run["cpu_seconds"] for run in result["runs"][:3]]


def test_summary_and_table():
    def record(format, seed, accuracy, diverged=None):
        return {"task": "cnn", "format": format, "seed": seed, "accuracy": accuracy, "diverged": diverged}

    summary = summarize(
        [record("FP32", 1, [0.8, 0.9]), record("FP32", 2, [0.6, 1.0]), record("HBFP4", 1, [], "why"),
         record("Booster", 1, [], "why"), record("Booster", 2, [0.1, 0.5])]
    )  # fmt: skip
    assert summary[0]["accuracy"] == pytest.approx(0.95)
    assert summary[0]["spread"] == pytest.approx(0.0707, abs=1e-4)
    assert summary[0]["before_last_epoch"] == pytest.approx(0.7)
    assert markdown(summary).splitlines()[2:] == [
        "| FP32 | 95.0 ± 7.1 |", "| HBFP4 | diverged |", "| Booster | 50.0 ± 0.0 (1 diverged) |",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["--seeds", "0"], "seeds must be between 1 and 1000, not 0"),
        (["--block", "2000"], "block must be between 1 and 1024, not 2000"),
        (["--workers", "0"], "workers must be between 1 and 256, not 0"),
    ],
)
def test_rejects(arguments, text, capsys):
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2
    assert capsys.readouterr().err.endswith(f"error: {text}\n")


def test_points_have_known_names():
    with pytest.raises(ValueError, match=r"^task must be one of mlp; cnn; narrow-mlp; narrow-cnn, not other$"):
        Point("other", "FP32", 1)


DOCS = Path(__file__).parents[2] / "docs"


def test_documented_example():
    (code,) = re.findall(r"```python\n(.*?)```", (DOCS / "training.md").read_text(encoding="utf-8"), re.DOTALL)
    names: dict = {}
    exec(code, names)
    assert names["history"].accuracy[-1] > 0.8


def test_documented_table_is_that_of_the_results():
    result = json.loads((DOCS / "training.json").read_text(encoding="utf-8"))
    assert result["summary"] == summarize(result["runs"])
    assert markdown(result["summary"]) in (DOCS / "training.md").read_text(encoding="utf-8")


def test_documented_run_through_the_rtl_was_exact():
    record = json.loads((DOCS / "training-rtl.json").read_text(encoding="utf-8"))
    assert record["device"] == "rtl"
    assert record["different"] == 0
    assert f"{record['cycles']:,}" in (DOCS / "training.md").read_text(encoding="utf-8")
