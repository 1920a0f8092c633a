"""What a run prints: a line per layer, the totals, and what was not on the device."""

from dataclasses import replace
from io import StringIO

import numpy as np
from rich.console import Console

from hbfp.run.many.search import Choice, Step
from hbfp.run.report import show, show_choice, summary
from hbfp.run.result import LayerResult, Result

LAYER = LayerResult("[red]conv", "Conv", 4, 1_234_567, 20.04, 1_003, 5, 40_000, 0.5)


def printed(show, *values) -> list[str]:
    text = StringIO()
    show(Console(file=text, width=160), *values)
    return [line.rstrip() for line in text.getvalue().splitlines()]


def test_a_line_per_layer():
    head, line, total = printed(show, Result({}, (LAYER,)))
    assert head.split() == ["layer", "operation", "bits", "MAC", "SQNR", "dB", "saturated", "flushed", "cycles", "array", "used"]
    assert line.split() == ["[red]conv", "Conv", "4", "1,234,567", "20.0", "1,003", "5", "40,000", "50.0%"]
    assert total == "1 layers, 1,234,567 MAC in 40,000 cycles"


def test_without_time():
    lines = printed(show, Result({}, (replace(LAYER, cycles=None, utilization=None),), ("loop [x]",)))
    assert lines[1].endswith("5       –           –")
    assert lines[2] == "1 layers, 1,234,567 MAC"
    assert lines[3] == "WARNING: loop [x] holds products that ONNX Runtime computed in its own precision"


def test_values_for_programs():
    values = summary(Result({"y": np.zeros(1)}, (LAYER,), ("loop",)), "cycle", accuracy=0.5)
    assert values == {"device": "cycle", "cycles": 40_000, "accuracy": 0.5, "missing": ["loop"], "layers": [LAYER.to_dict()]}


def test_a_choice_beside_its_bounds():
    choice = Choice({"a": 4, "b": 6}, 0.9, 1500, (0.95, 2000), (0.5, 1000), (Step("a", 0.9, 0.1, 300), Step("b", 0.4, 0.2, 700)))
    head, a, b, *totals = printed(show_choice, choice)
    assert head.split() == ["layer", "bits", "accuracy", "if", "alone", "narrow", "cycles", "saved"]
    assert (a.split(), b.split()) == (["a", "4", "90.00%", "300"], ["b", "6", "40.00%", "700"])
    assert totals == ["all wide    accuracy 95.00%, 2,000 cycles", "chosen      accuracy 90.00%, 1,500 cycles",
                      "all narrow  accuracy 50.00%, 1,000 cycles"]  # fmt: skip
