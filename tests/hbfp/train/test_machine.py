"""Training through a machine: equal weights, its counts, storage, its command."""

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn

from hbfp.torch import HBFP, Diverged, Schedule, convert, device
from hbfp.train.machine import CONFIG, TiledWeights, different, main, train_on
from hbfp.train.run import Point, Training
from hbfp.train.storage import storage
from sim.devices import CycleDevice, RtlDevice

DOCS = Path(__file__).parents[3] / "docs"
POINT = Point("mlp", "HBFP4", 3, epochs=2)


@pytest.fixture(scope="module")
def core():
    return RtlDevice(CONFIG, quick=True)


def test_weights_in_packed_tiles_equal_on_the_compiled_verilog(core):
    """Of a network that fits the core; the tiles are converted once a step and serve both products."""
    weights = []
    for machine in (None, TiledWeights(core)):
        torch.manual_seed(0)
        model = nn.Sequential(nn.Linear(36, 20), nn.ReLU(), nn.Linear(20, 17), nn.ReLU(), nn.Linear(17, 3))
        run = convert(model, "booster", HBFP(block_size=16, tile_width=16), epochs=2, seed=3)
        optimizer = torch.optim.SGD(model.parameters(), 0.1)
        run.attach(optimizer)
        with device(machine):
            for _ in range(3):
                optimizer.zero_grad()
                nn.functional.cross_entropy(model(torch.randn(9, 36)), torch.arange(9) % 3).backward()
                optimizer.step()
        weights.append(model)
    assert set(different(*weights).values()) == {0}


def test_a_step_on_the_compiled_verilog_counts_what_the_cycle_model_counts(core):
    core.reset()
    record, _ = train_on(core, POINT, "booster", steps=1)
    expected, _ = train_on(CycleDevice(CONFIG), POINT, "booster", steps=1)
    assert record["different"] == expected["different"] == 0
    assert record["same_losses"]
    for name in ("cycles_of_step", "accuracy", "loss"):
        assert record[name] == expected[name]
    assert 0 < record["commands_of_step"][0] < record["counters"]["completed"]  # the rest are the test's
    assert {name: record["counters"][name] for name in expected["counters"]} == expected["counters"]


def test_wide_steps_take_more_cycles():
    """The last epoch of Booster is in 6 bits: four passes instead of one in the middle layer."""
    machine = CycleDevice(CONFIG)
    widths = [
        train_on(machine, replace(POINT, epochs=epochs), "booster", steps=1)[0]["cycles_of_step"][0] for epochs in (1, 2)
    ]
    assert widths[0] > widths[1]


def test_weights_that_differ_are_counted():
    one, other = (nn.Linear(3, 2) for _ in range(2))
    other.load_state_dict(one.state_dict())
    assert different(one, other) == {"weight": 0, "bias": 0}
    with torch.no_grad():
        other.weight[0, 1] = torch.nextafter(other.weight[0, 1], torch.tensor(9.0))
        one.bias[:] = 0.0
        other.bias[:] = -0.0
    assert different(one, other) == {"weight": 1, "bias": 2}


def test_nan_names_layer_and_step():
    training = Training(POINT)
    with torch.no_grad():
        training.model[3].weight[0, 0] = torch.inf
    with pytest.raises(Diverged, match=r"^training diverged at step 0 \(epoch 0\): the forward product of layer 3 .* NaN"):
        training.fit()


def test_storage_per_element():
    """64 inputs are four blocks of 16; HBFP4 has 8 + 64 bits a block, HBFP6 8 + 96; ten outputs share no block."""
    training = Training(POINT, (Schedule(4).ends(6).last_epochs(1, 6), HBFP(block_size=16)))
    training.run.epoch = 1  # the widths are the first epoch's all the same
    rows = storage(training)
    assert training.run.epoch == 1
    bits = {(row["layer"], row["tensor"]): row["bits_per_element"] for row in rows}
    assert bits["1", "weights"] == bits["1", "inputs"] == (8 + 16 * 6) / 16
    assert bits["3", "weights"] == bits["3", "inputs"] == (8 + 16 * 4) / 16
    (padded,) = [r for r in storage(Training(Point("cnn", "HBFP4", 1))) if (r["layer"], r["tensor"]) == ("0", "weights")]
    assert padded["bits_per_element"] == (8 + 64 * 4) / 9  # nine inputs take a whole block of 64


def test_command_line_with_cycles(capsys, tmp_path):
    path = tmp_path / "run.json"
    assert main(["cycle", "--epochs", "2", "--steps", "2", "--json", str(path)]) == 0
    out = capsys.readouterr().out
    assert re.search(r"2 steps on cycle: accuracy \d+\.\d\d%\n[\d,]+ cycles with tests, array busy \d+%; ", out)
    assert out.endswith("All 8,970 parameters agree in every bit.\n")
    record = json.loads(path.read_text(encoding="utf-8"))
    assert len(record["cycles_of_step"]) == 2
    assert sum(record["cycles_of_step"]) < record["counters"]["cycles"]


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["--schedule", "all-8"], "schedule must need no widths but (4, 6), not 8"),
        (["--schedule", "some"], "schedule must be booster or all-W with a width W between 2 and 10, not some"),
        (["--block", "24"], "block must be a multiple of 16, not 24"),
        (["--block", "0"], "block must be a multiple of 16, not 0"),
        (["--seed", "0"], "seed must be between 1 and 4294967295, not 0"),
        (["--epochs", "0"], "epochs must be between 1 and 10000, not 0"),
        (["--steps", "0"], "steps must be between 1 and 1099511627776, not 0"),
        (["--tiles"], "tiles must be on the device rtl, not cycle"),
        (["--json", "/"], "output must be a file in a writable folder, not /"),
    ],
)
def test_command_line_rejects(arguments, text, capsys):
    assert main(["cycle", *arguments]) == 2
    assert capsys.readouterr().err == f"hbfp train-on: {text}\n"


def test_tiles_need_packed_operands():
    machine = CycleDevice(replace(CONFIG, features=("bias",)))
    with pytest.raises(ValueError, match=r"^features must have packed for weights in tiles, not bias$"):
        TiledWeights(machine)
    with pytest.raises(ValueError, match=r"^tiles must be on the device rtl, whose core takes packed weights$"):
        train_on(machine, POINT, "all-4", tiles=True)


def test_documented_run_was_exact():
    record = json.loads((DOCS / "training-rtl.json").read_text(encoding="utf-8"))
    assert record["device"] == "rtl"
    assert record["different"] == 0
    assert f"{record['counters']['cycles']:,}" in (DOCS / "training.md").read_text(encoding="utf-8")
