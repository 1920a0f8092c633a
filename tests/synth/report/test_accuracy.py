"""Published accuracies stand beside every network of the training results."""

import json

import pytest

from synth.report.accuracy import accuracy_table, verdict


@pytest.mark.parametrize(
    ("format", "difference", "half", "text"),
    [
        ("Booster", -0.2, 0.25, "holds"), ("Booster", -0.2, 0.4, "not decided"), ("Booster", -3.0, 1.0, "does not hold"),
        ("HBFP6", 1.0, 1.4, "holds"), ("HBFP4", -3.0, 1.0, "holds"), ("HBFP4", -3.0, 4.5, "not decided"),
        ("HBFP4", 0.2, 0.3, "does not hold"), ("Booster", -0.1, None, "one seed: not decided"),
    ],
)  # fmt: skip
def test_verdicts_come_from_the_interval(format, difference, half, text):
    assert verdict(format, difference, half) == text


def test_lines_are_made_of_the_results(tmp_path):
    def row(format, difference, factor=1.0):
        return {"task": "t", "format": format, "factor": factor, "runs": 3, "diverged": 1, "perplexity": None,
                "difference": difference, "difference_interval": None if difference is None else 0.2}  # fmt: skip

    rows = [row("FP32", None), row("HBFP4", -2.0), row("HBFP4", -9.0, 3.0), row("INT4", -1.0), row("Booster", -0.25)]
    results = {"titles": {"t": "a network"}, "summary": rows, "runs": [{"task": "t", "parameters": 1234, "accuracy": [0.5] * 7}]}
    (tmp_path / "training-torch-t.json").write_text(json.dumps(results))
    lines = accuracy_table(tmp_path).lines
    assert [line[3:] for line in lines] == [["-11.54", "-2.0 ± 0.2", "2", "holds"], ["-0.27", "-0.2 ± 0.2", "2", "holds"]]
    assert lines[0][1] == "HBFP4 on ResNet-20, CIFAR-10, 160 epochs"
    assert lines[0][2] == "a network; 1,234 parameters, 7 epochs"
