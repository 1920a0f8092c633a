"""Which products are made, in which widths, along which axes, from which seeds."""

import re

import numpy as np
import pytest

import golden
from golden import BlockFormat, schedule
from golden.train import Arithmetic, FloatDevice, GoldenDevice, Recipe, perceptron, product_seed, train
from golden.train.arithmetic import FORWARD, INPUT_GRADIENT, WEIGHT_GRADIENT
from tests.train.networks import Recorder, data, in_blocks, is_blocks, shapes

F = BlockFormat(4, 8)


def one_step(device, **options):
    """Products of one step of a three-layer network on a batch of 20: its layers, and the device's calls."""
    network = perceptron([36, 19, 11, 3], 1)
    arithmetic = Arithmetic(device, options.pop("plan", schedule("all-4")), options.pop("epochs", 1), **options)
    recipe = Recipe(epochs=arithmetic.epochs, batch=20)
    train(network, data(30), arithmetic, recipe, steps=1)
    return network, device.calls[:8]


def test_three_products_reduce_over_inputs_outputs_and_batch():
    _, calls = one_step(Recorder())
    forward = [((20, 36), (36, 19)), ((20, 19), (19, 11)), ((20, 11), (11, 3))]
    backward = [
        ((11, 20), (20, 3)), ((20, 3), (3, 11)), ((19, 20), (20, 11)), ((20, 11), (11, 19)), ((36, 20), (20, 19)),
    ]  # fmt: skip
    assert [shapes(call) for call in calls] == forward + backward


def test_operands_are_quantized_along_the_axis_each_product_reduces():
    """Recomputed from blocks made by hand: a product whose blocks lie along the other axis has other bits."""
    _, calls = one_step(Recorder(), rounding="nearest")
    for call in calls:
        a, b = call["a"], call["b"]
        along_a, along_b = golden.quantize(a, F, 1), golden.quantize(b, F, 0)
        by_hand = golden.dequantize(along_a, np.float64) @ golden.dequantize(along_b, np.float64)
        assert np.allclose(call["product"], by_hand, rtol=1e-5, atol=1e-5 * np.abs(by_hand).max())
        if min(*a.shape, *b.shape) > 8:  # otherwise a single block may hold the same elements
            swapped = golden.dequantize(golden.quantize(a, F, 0), np.float64)
            swapped = swapped @ golden.dequantize(golden.quantize(b, F, 1), np.float64)
            assert not np.allclose(call["product"], swapped, rtol=1e-2, atol=1e-2 * np.abs(swapped).max())


def test_gradients_come_from_the_operands_they_are_defined_by():
    network, calls = one_step(Recorder(), rounding="nearest")
    forward, (gradient_last, _, gradient_middle, *_) = calls[:3], calls[3:]
    assert (gradient_last["a"] == forward[2]["a"].T).all()
    assert (gradient_middle["a"] == forward[1]["a"].T).all()
    assert (calls[4]["b"] == forward[2]["b"].T).all()
    assert [layer.name for layer in network.products] == ["fc1", "fc2", "fc3"]


def test_booster_widths_by_layer_and_epoch():
    for epoch, widths in ((0, [6, 4, 6, 6, 6, 4, 4, 6]), (1, [6] * 8)):
        device = Recorder()
        network = perceptron([36, 19, 11, 3], 1)
        arithmetic = Arithmetic(device, schedule("booster"), 2)
        arithmetic.epoch = epoch
        network.backward(network.forward(data().x_train, arithmetic), arithmetic)
        assert [call["width_a"] for call in device.calls] == widths
        assert [call["width_b"] for call in device.calls] == widths


def test_evaluation_rounds_to_nearest_and_training_at_random():
    _, calls = one_step(device := Recorder())
    assert {call["rounding"] for call in calls} == {"stochastic"}
    assert {call["rounding"] for call in device.calls[8:]} == {"nearest"}


def test_seeds_differ_by_everything_and_repeat():
    names = (FORWARD, INPUT_GRADIENT, WEIGHT_GRADIENT)
    seeds = [
        product_seed(run, step, layer, stage, operand)
        for run in (1, 2) for step in range(20) for layer in range(5) for stage in names for operand in (0, 1)
    ]  # fmt: skip
    assert len(set(seeds)) == len(seeds)
    assert all(1 <= seed < 2**32 for seed in seeds)
    assert product_seed(1, 0, 0, FORWARD, 0) == 759891457
    first, second = one_step(Recorder())[1], one_step(Recorder())[1]
    assert [c["seed_a"] for c in first] == [c["seed_a"] for c in second]
    assert len({seed for call in first for seed in (call["seed_a"], call["seed_b"])}) == 16


def test_tiles_serve_weights_and_their_transpose():
    """One tensor of blocks per layer and step; its transpose has the same values, ragged sizes included."""
    _, calls = one_step(Recorder(), tile_width=8)
    forward, backward = calls[:3], [calls[4], calls[6]]
    assert all(is_blocks(call["b"]) and not is_blocks(call["a"]) for call in forward + backward)
    for ahead, back in zip(forward[:0:-1], backward, strict=True):
        assert back["b"].axis == ahead["b"].axis == 0
        assert (golden.dequantize(back["b"]) == golden.dequantize(ahead["b"]).T).all()
        assert back["product"].shape == (20, ahead["b"].shape[0])


def test_tiled_training_learns_and_counts_what_it_lost():
    arithmetic = in_blocks(tile_width=8, epochs=6)
    history = train(perceptron([36, 16, 3], 1), data(90), arithmetic, Recipe(epochs=6, batch=10))
    assert history.accuracy[-1] > 0.9
    assert history.health.flushed > arithmetic.device.health().flushed


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"seed": 0}, "seed must be between 1 and 4294967295, not 0"),
        ({"seed": 2**32}, "seed must be between 1 and 4294967295, not 4294967296"),
        ({"epochs": 0}, "epochs must be between 1 and 1048576, not 0"),
        ({"rounding": "up"}, "rounding must be one of nearest, stochastic, truncate, not up"),
        ({"tile_width": 4}, "tile_width must be 1 or the device's block size 64, not 4"),
    ],
)
def test_rejects(options, text):
    with pytest.raises(ValueError, match=f"^{re.escape(text)}$"):
        Arithmetic(GoldenDevice(), schedule("all-4"), **options)


def test_floating_point_has_no_tiles():
    with pytest.raises(ValueError, match=r"^tile_width must be 1 or the device's block size None, not 64$"):
        Arithmetic(FloatDevice(), schedule("all-4"), tile_width=64)
