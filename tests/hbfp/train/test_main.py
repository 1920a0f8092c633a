"""The experiment's command: runs, resumes, tables, errors."""

import json

import pytest

from hbfp.train import run as run_module
from hbfp.train.__main__ import main
from hbfp.train.journal import Journal
from hbfp.train.report import layout, markdown, summarize
from hbfp.train.run import Point, rate_at, run_point
from hbfp.train.tasks import TrainingRecipe


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


def records(task, format, values, **options):
    """A record for each seed, which ends at this accuracy and test loss."""
    return [
        {"task": task, "format": format, "factor": 1.0, "seed": seed, "accuracy": [0.1, value], "test_loss": [9.0, value],
         "diverged": None, **options} for seed, value in enumerate(values)
    ]  # fmt: skip


def test_statistics_pair_runs_by_seed():
    rows = summarize(records("lstm", "FP32", (0.5, 0.6, 0.7)) + records("lstm", "HBFP4", (0.4, 0.52, 0.61)))
    assert rows[0]["interval"] == pytest.approx(24.84, abs=0.01)  # 4.303 * 10 / sqrt(3)
    assert rows[1]["difference"] == pytest.approx(-9)
    assert rows[1]["difference_interval"] == pytest.approx(2.484, abs=0.001)  # 4.303 * 1 / sqrt(3)
    assert rows[1]["p"] == pytest.approx(0.0041, abs=1e-4)  # t = -15.6 with two degrees of freedom
    assert markdown(rows, "lstm").splitlines()[2:] == [
        "| FP32 | 3/3 | 60.0 ± 24.8 |  |  | 0.600 |", "| HBFP4 | 3/3 | 51.0 ± 26.2 | -9.0 ± 2.5 | 0.004 | 0.510 |",
    ]  # fmt: skip


def test_seeds_that_diverged_are_counted_and_paired_with_none():
    runs = records("lstm", "HBFP4", (0.4, 0.5, 0.3))
    runs[1]["diverged"] = "why"
    rows = summarize(records("lstm", "FP32", (0.5, 0.1, 0.5)) + runs + records("lstm", "INT4", (0.1,), diverged="why"))
    assert rows[1]["difference"] == pytest.approx(-15)
    assert markdown(rows, "lstm").splitlines()[3].startswith("| HBFP4 | 2/3 | 35.0 ± 63.5 (1 diverged) | -15.0 ")
    assert markdown(rows, "lstm").splitlines()[4] == "| INT4 | 0/1 | diverged |  |  |  |"


def test_perplexities_are_compared_by_their_quotient():
    rows = summarize(records("transformer", "FP32", (2.0, 2.2)) + records("transformer", "HBFP4", (2.1, 2.31)))
    assert rows[0]["perplexity"] == pytest.approx(8.166, abs=0.001)  # exp(2.1)
    assert rows[1]["difference"] == pytest.approx(-0.105)
    assert "| HBFP4 | 2/2 | 9.07 ± 25.37 " in markdown(rows, "transformer")
    assert "| +11.1 % ± 6.6 |" in markdown(rows, "transformer")


def test_equal_differences_have_no_test():
    rows = summarize(records("lstm", "FP32", (0.911, 0.926, 0.933)) + records("lstm", "BF16", (0.913, 0.928, 0.935)))
    assert rows[1]["difference"] == pytest.approx(0.2)
    assert rows[1]["p"] is None


def test_the_published_layout_has_a_column_for_each_task():
    rows = summarize(records("lstm", "FP32", (0.5,)) + records("lstm", "HBFP4", (0.4,)) + records("mlp", "HBFP4", (0.3,)))
    assert layout(rows).splitlines() == [
        "| format | LSTM 32, digits by rows | MLP 64-64-64-10, digits |", "| --- | --: | --: |", "| FP32 | 50.0 |  |",
        "| HBFP4 | 40.0 | 30.0 |",
    ]  # fmt: skip


def test_rates_warm_up_and_fall():
    steps = TrainingRecipe(8, 10, "sgd", 1.0)
    assert [rate_at(steps, step, 16) for step in range(16)] == pytest.approx([1] * 8 + [0.1] * 4 + [0.01] * 4)
    cosine = TrainingRecipe(2, 10, "adamw", 1.0, warm_up=4, cosine=True)
    rates = [rate_at(cosine, step, 20) for step in range(20)]
    assert rates[0] == pytest.approx(0.25)
    assert rates[10] == pytest.approx(0.5)
    assert max(rates) == rates[3] > 0.9
    assert rates[19] < 0.01


def test_a_rate_too_large_stops_in_floating_point_too():
    record = run_point(Point("narrow-mlp", "FP32", 1, factor=1e6, epochs=3))
    assert record["diverged"].startswith("training diverged at step ")
    assert "the forward product of layer 9 is not finite" in record["diverged"]


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
