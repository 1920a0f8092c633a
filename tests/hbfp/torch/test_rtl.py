"""Training that moves onto the compiled Verilog and back ends with the same weights, bit for bit."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from hbfp.run import Network
from hbfp.torch import HBFP, convert, device
from hbfp.torch.export import export_onnx
from hbfp.train.data import digits
from hbfp.train.machine import CONFIG
from hbfp.train.networks import perceptron
from sim.devices import RtlDevice


@pytest.fixture(scope="module")
def core():
    return RtlDevice(CONFIG, quick=True)


def train(machine):
    """Four steps of Booster's last two epochs, the second and third on the machine."""
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Conv2d(2, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(), nn.Conv2d(4, 4, 3, 2), nn.Flatten(), nn.Linear(16, 3)
    )
    run = convert(model, "booster", HBFP("stochastic", block_size=CONFIG.block_size), epochs=2, seed=7)
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    run.attach(optimizer)
    x, y = torch.randn(3, 2, 5, 5), torch.arange(3)
    for step in range(4):
        run.epoch = step // 2
        with device(machine if step in (1, 2) else None):
            optimizer.zero_grad()
            functional.cross_entropy(model(x), y).backward()
            optimizer.step()
    return [p.detach() for p in model.parameters()]


def test_a_machine_in_the_middle_of_training(core):
    core.reset()
    ours, theirs = train(None), train(core)
    assert core.cycles > 0
    assert all(torch.equal(one, other) for one, other in zip(ours, theirs, strict=True))


@pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::DeprecationWarning", "ignore::UserWarning")
def test_a_network_trained_in_pytorch_runs_its_test_set_on_the_machine(core, tmp_path):
    torch.manual_seed(0)
    model, data = perceptron(64, 16, 10), digits()
    run = convert(model, "booster", HBFP(block_size=CONFIG.block_size), epochs=2)
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    for batch in range(0, 640, 64):
        optimizer.zero_grad()
        functional.cross_entropy(model(data.x_train[batch : batch + 64]), data.y_train[batch : batch + 64]).backward()
        optimizer.step()
    expected = model.eval()(data.x_test).detach().numpy()
    export_onnx(model, run, {"x": data.x_test}, tmp_path / "model.onnx")
    result = Network(tmp_path / "model.onnx").run({"x": data.x_test.numpy()}, core, compare=False)
    assert np.array_equal(next(iter(result.outputs.values())), expected)
