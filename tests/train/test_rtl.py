"""Training through the compiled Verilog ends with golden's weights, bit for bit."""

import re
from dataclasses import replace

import numpy as np
import pytest

from golden import schedule
from golden.train import Arithmetic, Diverged, GoldenDevice, Recipe, convolutional, perceptron, train
from sim.devices import CycleDevice, RtlDevice
from sim.train import CONFIG, Machine, compare, main, storage
from tests.train.networks import data, in_blocks

RECIPE = Recipe(epochs=2, batch=16)


@pytest.fixture(scope="module")
def core():
    return RtlDevice(CONFIG, quick=True)


def both(device, build, samples, **options):
    """The networks and histories of the same run on golden and on the device."""
    networks, histories = [], []
    for machine in (GoldenDevice(CONFIG.block_size), Machine(device)):
        networks.append(build())
        arithmetic = Arithmetic(machine, schedule("booster"), RECIPE.epochs, seed=3, **options)
        histories.append(train(networks[-1], samples, arithmetic, RECIPE))
    return networks, histories


@pytest.mark.parametrize(
    ("build", "shape"),
    [(lambda: perceptron([36, 20, 17, 3], 1), (6, 6, 1)), (lambda: convolutional([3, 4], 3, 1), (8, 8, 1))],
    ids=["perceptron", "convolutional"],
)
def test_weights_equal_golden(core, build, shape):
    """Widths 4 and 6, stochastic rounding, products cut to the core's buffers, ragged sizes."""
    networks, (ours, theirs) = both(core, build, data(60, shape))
    assert set(compare(*networks).values()) == {0}
    assert (ours.loss, ours.accuracy, ours.steps) == (theirs.loss, theirs.accuracy, theirs.steps)


def test_weights_in_packed_tiles_equal_golden(core):
    networks, _ = both(core, lambda: perceptron([36, 20, 17, 3], 1), data(60), tile_width=CONFIG.block_size)
    assert set(compare(*networks).values()) == {0}


def test_another_seed_gives_other_weights(core):
    (network, other), _ = both(core, lambda: perceptron([36, 8, 3], 1), data(60))
    arithmetic = Arithmetic(Machine(core), schedule("booster"), RECIPE.epochs, seed=4)
    train(other := perceptron([36, 8, 3], 1), data(60), arithmetic, RECIPE)
    assert sum(compare(network, other).values()) > 0


def test_nan_stops_with_the_core_s_health(core):
    samples = data(60)
    samples.x_train[:] = np.nan
    core.reset()
    with pytest.raises(Diverged, match=r"step 0 \(epoch 0\): the forward product of layer fc1 .* [1-9]\d* NaN blocks"):
        train(perceptron([36, 8, 3], 1), samples, Arithmetic(Machine(core), schedule("all-4"), 2), RECIPE)


def test_storage_per_element():
    """36 inputs are three blocks of 16 with twelve elements of padding; HBFP4 has 8 + 64 bits a block, HBFP6 8 + 96."""
    arithmetic = in_blocks("booster", 2, 16)
    rows = storage(perceptron([36, 32, 32, 3], 1), arithmetic, data(30).x_train)
    bits = {(row["layer"], row["tensor"]): row["bits_per_element"] for row in rows}
    assert bits["fc1", "weights"] == bits["fc1", "inputs"] == 3 * (8 + 16 * 6) / 36
    assert bits["fc2", "weights"] == bits["fc2", "inputs"] == (8 + 16 * 4) / 16
    assert bits["fc3", "weights"] == (8 + 16 * 6) / 16


def test_command_line_on_golden_with_cycles(capsys, tmp_path):
    assert main(["--device", "cycle", "--epochs", "2", "--steps", "3", "--json", str(tmp_path / "run.json")]) == 0
    out = capsys.readouterr().out
    assert re.search(r"3 steps on cycle: [\d,]+ cycles \(array busy \d+%\)", out)
    assert "All 8,970 weights and biases agree with golden in every bit." in out
    assert (tmp_path / "run.json").exists()


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["--schedule", "all-8"], "schedule must need no widths but (4, 6), not 8"),
        (["--schedule", "some"], "schedule must be booster or all-W with a width W between 2 and 10, not some"),
        (["--block", "24"], "block must be a multiple of 16, not 24"),
        (["--block", "0"], "block_size must be between 1 and 1024, not 0"),
        (["--seed", "0"], "seed must be between 1 and 4294967295, not 0"),
        (["--epochs", "0"], "epochs must be between 1 and 1048576, not 0"),
        (["--steps", "0"], "steps must be at least 1, not 0"),
        (["--tiles", "--device", "cycle"], "tiles must be run on the rtl device, not on cycle"),
    ],
)
def test_command_line_rejects(arguments, text, capsys):
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2
    assert capsys.readouterr().err.endswith(f"error: {text}\n")


def test_tiles_need_packed_operands():
    machine = Machine(CycleDevice(replace(CONFIG, features=())))
    arithmetic = Arithmetic(machine, schedule("all-4"), 2, tile_width=16)
    text = "weights in tiles need the RTL device, and a machine with the feature packed"
    with pytest.raises(ValueError, match=f"^{text}$"):
        train(perceptron([36, 8, 3], 1), data(60), arithmetic, RECIPE)
