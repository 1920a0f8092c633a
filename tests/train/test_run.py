"""Whole runs: they learn, repeat bit for bit, keep weights in wide mantissas, and stop where numbers end."""

import pickle
import re

import numpy as np
import pytest

import golden
from golden import BlockFormat
from golden.train import (
    SGD,
    Convolution,
    Data,
    Diverged,
    Linear,
    MaxPool,
    Network,
    Recipe,
    convolutional,
    perceptron,
    softmax_cross_entropy,
    train,
)
from golden.train.layers import Parameter
from tests.train.networks import data, exactly, in_blocks

SHORT = Recipe(epochs=3, batch=10)


def weights_after(arithmetic, recipe=SHORT, **options):
    network = convolutional([3, 2], 3, 1)
    history = train(network, data(60, (8, 8, 1)), arithmetic, recipe, **options)
    return b"".join(parameter.value.tobytes() for parameter in network.parameters), history


def test_same_seed_same_bits():
    first, history = weights_after(in_blocks("booster", 3, seed=5))
    second, again = weights_after(in_blocks("booster", 3, seed=5))
    assert first == second
    assert history == again
    assert history.steps == 12
    assert weights_after(in_blocks("booster", 3, seed=6))[0] != first


@pytest.mark.parametrize("plan", ["all-4", "all-8", "booster"])
def test_learns(plan):
    history = train(perceptron([36, 16, 3], 1), data(150), in_blocks(plan, 8, 16), Recipe(epochs=8, batch=10))
    assert history.accuracy[-1] > 0.95
    assert history.loss[-1] < history.loss[0] / 3


def test_stops_after_so_many_steps_and_reports_each():
    seen = []
    _, history = weights_after(in_blocks(epochs=3), steps=6, progress=lambda step, loss: seen.append((step, loss)))
    assert history.steps == 6
    assert [step for step, _ in seen] == [1, 2, 3, 4, 5, 6]
    assert len(history.accuracy) == 2


def test_weights_are_kept_in_sixteen_bits():
    network = convolutional([3, 2], 3, 1)
    train(network, data(60, (8, 8, 1)), in_blocks(epochs=3), SHORT)
    for layer in network.products:
        kept = golden.dequantize(golden.quantize(layer.weights.value, BlockFormat(16, 8), 0))
        assert (kept == layer.weights.value).all()
        narrow = golden.dequantize(golden.quantize(layer.weights.value, BlockFormat(8, 8), 0))
        assert (narrow != layer.weights.value).any()


def test_momentum_rules():
    for nesterov, wanted in ((False, [0.9, 0.75]), (True, [0.85, 0.675])):
        parameter = Parameter(np.float32([1]), True)
        optimizer = SGD([parameter], 0.1, 0.5, nesterov)
        for value in wanted:
            parameter.gradient = np.float32([1])
            optimizer.step()
            assert parameter.value == pytest.approx(value)


def test_decay_is_for_weights_alone():
    weights, bias = Parameter(np.float32([2]), True), Parameter(np.float32([2]), False)
    SGD([weights, bias], 0.5, decay=0.1).step()
    assert (weights.value[0], bias.value[0]) == (pytest.approx(1.9), 2)


def test_rate_falls_at_the_milestones():
    recipe = Recipe(epochs=8, rate=1.0)
    assert [recipe.rate_in(epoch) for epoch in range(8)] == pytest.approx([1] * 4 + [0.1] * 2 + [0.01] * 2)


def test_nan_in_the_data_stops_at_the_first_layer():
    samples = data(60, (8, 8, 1))
    samples.x_train[:, 0, 0] = np.nan
    with pytest.raises(Diverged) as caught:
        train(convolutional([3, 2], 3, 1), samples, in_blocks(epochs=3), SHORT)
    assert (caught.value.step, caught.value.layer, caught.value.stage) == (0, "conv1", "forward")
    assert caught.value.health.nan_blocks > 0
    assert re.fullmatch(
        r"training diverged at step 0 \(epoch 0\): the forward product of layer conv1 is not finite; so far "
        r"\d+ mantissas saturated, \d+ were flushed to zero, \d+ NaN blocks",
        str(caught.value),
    )
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)


def test_nan_in_the_middle_names_its_layer_and_step():
    network = perceptron([36, 8, 8, 3], 1)

    def poison(step, loss):
        if step == 5:
            network.products[1].weights.value[0, 0] = np.inf

    with pytest.raises(Diverged, match=r"^training diverged at step 5 \(epoch 1\): the forward product of layer fc2 "):
        train(network, data(60), in_blocks(epochs=3), SHORT, progress=poison)


def test_a_rate_too_large_stops_in_floating_point_too():
    with pytest.raises(Diverged, match="is not finite"), np.errstate(over="ignore", invalid="ignore"):
        train(perceptron([36, 8, 3], 1), data(60), exactly(20), Recipe(epochs=20, batch=10, rate=1000.0))


X, Y = np.zeros((2, 4), np.float32), np.zeros(2, int)


@pytest.mark.parametrize(
    ("action", "text"),
    [
        (lambda: Linear("fc", 3, 2, np.random.default_rng(1)).forward(X, exactly()),
         "layer fc takes 3 inputs to an output, not 4"),
        (lambda: Convolution("conv", 1, 2, 3, np.random.default_rng(1)).forward(X, exactly()),
         "layer conv takes (batch, height, width, channels), not shape (2, 4)"),
        (lambda: Convolution("conv", 1, 2, 7, np.random.default_rng(1), 0).forward(np.zeros((1, 4, 5, 1)), exactly()),
         "layer conv has a 7x7 kernel, larger than its input (4, 5)"),
        (lambda: MaxPool(2).forward(np.zeros((1, 4, 5, 1)), exactly()),
         "pooling by 2 needs a height and width that are multiples of it, not 4x5"),
        (lambda: Network([MaxPool()]), "a network needs at least one product layer"),
        (lambda: Network([Linear("a", 1, 1, np.random.default_rng(1))] * 2),
         "product layers must have different names, not a, a"),
        (lambda: softmax_cross_entropy(X, Y[:1]), "labels must have shape (2,), not (1,)"),
        (lambda: softmax_cross_entropy(X, Y + 4), "labels must be between 0 and 3, not 4 … 4"),
        (lambda: Data(X, Y[:1], X, Y), "x_train and y_train must have as many samples, not 2 and 1"),
        (lambda: train(perceptron([4, 2], 1), Data(X, Y, X, Y), exactly(2), Recipe(epochs=3)),
         "epochs must be the recipe's 3, not 2"),
        (lambda: SGD([], -1), "rate must be between 0 and 1000, not -1"),
        (lambda: SGD([], 1, wide=BlockFormat(6)), "wide mantissa_width must be between 8 and 16, not 6"),
        (lambda: Recipe(epochs=0), "epochs must be between 1 and 1048576, not 0"),
    ],
)  # fmt: skip
def test_rejects(action, text):
    with pytest.raises(ValueError, match=f"^{re.escape(text)}$"):
        action()
