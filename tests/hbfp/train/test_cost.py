"""Cycles of a training, its mantissas, and the linear model beside it."""

from hbfp.train.cost import cycles_of_training, linear, mantissas
from hbfp.train.machine import CONFIG
from hbfp.train.tasks import TASKS


def test_wider_formats_take_more_cycles_and_ablations_lie_between():
    names = ("HBFP4", "HBFP4, last epoch 6", "HBFP4, ends 6", "Booster", "Booster, last 10 epochs", "HBFP6")
    cycles = [cycles_of_training("narrow-mlp", name) for name in names]
    assert None not in cycles
    assert cycles == sorted(cycles)
    assert len(set(cycles)) == len(cycles)
    steps = TASKS["narrow-mlp"].recipe.epochs * 22
    assert cycles[0] % steps == 0  # one width: every step costs the same
    assert cycles[0] // steps * CONFIG.macs_per_cycle > 3 * 64 * (64 * 16 + 3 * 16 * 16 + 16 * 10) - 64 * 64 * 16


def test_what_the_machine_cannot_run_has_no_cycles():
    assert [cycles_of_training("narrow-mlp", name) for name in ("FP32", "HBFP5", "MXFP4")] == [None] * 3


def test_mantissas_of_a_step_by_kind():
    counts = mantissas("narrow-mlp", "HBFP4", 1)
    assert list(counts) == ["inputs", "weights", "gradients"]
    assert all(len(numbers) == 8 and numbers[7] > 0 for numbers in counts.values())
    assert sum(counts["weights"]) == 64 * (16 + 16 * 3 + 10)  # every row of weights fills one block
    gradients = 64 * (64 * 4 + 16 * 4 + 10)  # dY by rows of a batch of 64 but in the first layer; by columns in all five
    assert sum(counts["gradients"]) == gradients


def test_a_linear_model_cannot_tell_the_digits_both_ways_apart():
    accuracies = linear(["mlp", "resnet", "transformer"])
    assert list(accuracies) == ["mlp", "resnet"]
    assert accuracies["mlp"] > 0.95
    assert accuracies["resnet"] < 0.5
