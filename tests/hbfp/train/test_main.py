"""The experiment's command: runs, resumes, tables, errors."""

import json

import pytest

from hbfp.train import run as run_module
from hbfp.train.__main__ import main
from hbfp.train.journal import Journal
from hbfp.train.report import summarize
from hbfp.train.run import Point, run_point


def test_trains_writes_and_resumes(tmp_path, capsys, monkeypatch):
    command = ["--tasks", "narrow-mlp", "--formats", "FP32", "HBFP4", "--seeds", "2", "--epochs", "1"]
    assert main([*command, "--output", str(tmp_path)]) == 0
    text = capsys.readouterr().out
    assert "| HBFP4 | 2/2 |" in text
    record = json.loads((tmp_path / "training.json").read_text(encoding="utf-8"))
    assert [len(run["accuracy"]) for run in record["runs"]] == [1] * 4
    assert (tmp_path / "training.png").exists()
    monkeypatch.setattr(run_module, "run_point", None)
    assert main([*command, "--output", str(tmp_path)]) == 0  # nothing is run again
    assert capsys.readouterr().out == text


def test_a_run_is_repeated_bit_for_bit():
    first, second = (run_point(Point("lstm", "Booster", 1, epochs=1)) for _ in range(2))
    assert {**first, "seconds": 0} == {**second, "seconds": 0}


def test_divergence_is_recorded():
    record = run_point(Point("narrow-mlp", "HBFP4", 1, factor=1e5, epochs=2))
    assert record["diverged"].startswith("training diverged at step")
    assert record["health"][-1]["saturated"] >= 0


def test_a_journal_survives_a_cut_line(tmp_path):
    path, points = tmp_path / "runs.jsonl", [Point("lstm", "FP32", seed) for seed in (1, 2)]
    Journal(path).add({"a": 1}, points[0])
    whole = path.read_bytes()
    path.write_bytes(whole + whole[: len(whole) // 2])
    journal = Journal(path)
    assert journal.known(points) == {points[0]: {"a": 1}}
    journal.add({"a": 2}, points[1])
    assert Journal(path).known(points) == {points[0]: {"a": 1}, points[1]: {"a": 2}}


def test_statistics_pair_runs_by_seed():
    def record(format, seed, accuracy):
        return {"task": "lstm", "format": format, "factor": 1.0, "seed": seed, "accuracy": [accuracy], "test_loss": [1.0],
                "diverged": None}  # fmt: skip

    base, other = (0.5, 0.6, 0.7), (0.4, 0.52, 0.61)
    rows = summarize(
        [record("FP32", seed, value) for seed, value in enumerate(base)]
        + [record("HBFP4", seed, value) for seed, value in enumerate(other)]
    )
    assert rows[0]["interval"] == pytest.approx(0.2484, abs=1e-4)  # 4.303 * 0.1 / sqrt(3)
    assert rows[1]["difference"] == pytest.approx(-0.09)
    assert rows[1]["p"] == pytest.approx(0.0041, abs=1e-4)  # t = -15.6 with two degrees of freedom


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["--seeds", "0"], "seeds must be between 1 and 1000, not 0"),
        (["--factors", "-1"], "factors must be greater than 0 and less than 1000000, not -1"),
        (["--full", "--tasks", "lstm"], "full must be given without tasks"),
    ],
)
def test_rejects(arguments, text, capsys):
    assert main(arguments) == 2
    assert capsys.readouterr().err == f"hbfp train: {text}\n"


def test_rejects_another_task(capsys):
    assert main(["--tasks", "chess"]) == 2
    assert capsys.readouterr().err.startswith("hbfp train: tasks must be of narrow-mlp; mlp; ")
