"""Which layers become narrow: on a network whose accuracies and cycles are given."""

import re
from types import SimpleNamespace

import numpy as np
import pytest

from hbfp.run.many.search import Step, accuracy, search
from hbfp.run.result import LayerResult, Result

LABELS = np.zeros(10, np.int64)
WRONG = {"a": 1, "b": 4, "c": 0}
"""How many of ten answers a narrow layer spoils."""
ERROR = {"a": 0.1, "b": 0.2, "c": 0.3}
CYCLES = {"a": (10, 8), "b": (100, 50), "c": (40, 30)}
"""Wide and narrow."""


class Network:
    """Three layers."""

    def __init__(self, timed=True):
        self.timed, self.tried, self.outputs = timed, [], ("y",)
        self.layers = {i: SimpleNamespace(name=name) for i, name in enumerate("abc")}

    def _layer(self, name, width):
        cycles = CYCLES[name][width == 4] if self.timed else None
        return LayerResult(name, "Gemm", width, 1, 0.0, 0, 0, cycles, None)

    def run(self, inputs, device, widths, compare):
        assert compare is False
        self.tried.append("".join(name for name in "abc" if widths[name] == 4))
        wrong = sum(WRONG[name] for name in "abc" if widths[name] == 4)
        output = np.zeros((10, 2), np.float32)
        output[:, 0] = 1 - sum(ERROR[name] for name in "abc" if widths[name] == 4)
        output[:wrong, 1] = 2
        return Result({"y": output}, tuple(self._layer(name, widths[name]) for name in "abc"))


def test_layers_that_cost_accuracy_stay_wide():
    network, seen = Network(), []
    choice = search(network, {}, LABELS, None, 0.9, progress=lambda done, total, what: seen.append((done, total, what)))
    assert choice.widths == {"a": 4, "b": 6, "c": 4}
    assert (choice.accuracy, choice.cycles) == (0.9, 8 + 100 + 30)
    assert (choice.wide, choice.narrow) == ((1.0, 150), (0.5, 88))
    assert {step.layer: step.saved for step in choice.steps} == {"a": 2, "b": 50, "c": 10}
    assert {step.layer: step.accuracy for step in choice.steps} == {"a": 0.9, "b": 0.6, "c": 1.0}
    assert seen[0] == (0, 8, "all 6")
    assert [done for done, _, _ in seen] == list(range(8))


def test_the_order_is_by_error_for_a_cycle():
    network = Network()
    choice = search(network, {}, LABELS, None, 0.0)
    assert choice.widths == dict.fromkeys("abc", 4)
    by_worth = sorted(choice.steps, key=lambda step: step.error / step.saved)
    tried = ["".join(sorted(step.layer for step in by_worth[: n + 1])) for n in range(3)]
    assert network.tried == ["", "abc", "a", "b", "c", *tried]


def test_errors_are_relative_to_the_output():
    step = next(step for step in search(Network(), {}, LABELS, None, 0.0).steps if step.layer == "c")
    assert step == Step("c", 1.0, pytest.approx(0.3**2, rel=1e-5), 10)


@pytest.mark.parametrize(
    ("network", "least", "message"),
    [
        (Network(), 1.01, "accuracy must be at most 1.0000, which all layers in 6 bits reach, not 1.01"),
        (Network(timed=False), 0.5, "device must be one that counts cycles"),
    ],
)
def test_what_cannot_be_searched(network, least, message):
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        search(network, {}, LABELS, None, least)


def test_an_answer_is_the_largest_output():
    output = np.array([[[1.0, 2]], [[3, 0]], [[0, 0]]])
    assert accuracy(output, np.array([1, 0, 0])) == 1.0
    assert accuracy(output, np.array([0, 0, 1])) == pytest.approx(1 / 3)
    with pytest.raises(ValueError, match=r"^labels must be one integer per sample, shape \(3,\), not \(2,\)$"):
        accuracy(output, np.array([0, 1]))
