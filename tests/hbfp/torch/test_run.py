"""Runs are repeated by their seed and go on from checkpoints; what is not finite is an error or counted."""

import pytest
import torch
from torch import nn
from torch.nn import functional

from hbfp.torch import HBFP, Diverged, Linear, Run, convert


def start(seed=1, **options):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(10, 16), nn.ReLU(), nn.Linear(16, 3))
    optimizer = torch.optim.SGD(model.parameters(), 0.1, momentum=0.9)
    run = convert(model, "booster", HBFP(block_size=16), epochs=2, seed=seed, **options)
    run.attach(optimizer)
    return model, optimizer, run


def train(model, optimizer, steps):
    generator = torch.Generator().manual_seed(4)
    x, y = torch.randn(8, 10, generator=generator), torch.arange(8) % 3
    for _ in range(steps):
        optimizer.zero_grad()
        functional.cross_entropy(model(x), y).backward()
        optimizer.step()
    return torch.cat([p.detach().flatten() for p in model.parameters()])


def test_the_same_seed_gives_the_same_bits_and_another_does_not():
    weights = [train(*start(seed)[:2], 4) for seed in (1, 1, 2)]
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])


def test_a_run_goes_on_from_a_checkpoint(tmp_path):
    model, optimizer, run = start()
    train(model, optimizer, 3)
    run.epoch = 1
    state = {"model": model.state_dict(), "optimizer": optimizer.state_dict(), "run": run.state_dict()}
    torch.save(state, tmp_path / "checkpoint.pt")
    expected = train(model, optimizer, 3)
    model, optimizer, run = start(seed=9)
    state = torch.load(tmp_path / "checkpoint.pt", weights_only=True)
    for part, name in ((model, "model"), (optimizer, "optimizer"), (run, "run")):
        part.load_state_dict(state[name])
    assert run.widths() == {"0": 6, "2": 6}
    assert run.step == 3
    assert torch.equal(train(model, optimizer, 3), expected)


def test_what_is_not_finite_is_an_error_or_counted():
    x = torch.full((1, 10), torch.nan)
    model, _, run = start()
    with pytest.raises(Diverged, match=r"^training diverged at step 0 \(epoch 0\): the forward product of layer 0 is not"):
        model(x)
    assert run.nonfinite_products == 1
    model, _, run = start(nonfinite="count")
    assert model(x).isnan().all()
    assert run.nonfinite_products == 2
    assert run.health.nan_blocks == 2


def test_health_and_widths_are_logged():
    model, optimizer, run = start()
    seen = []
    run.attach(optimizer, lambda tag, value, step: seen.append((tag, value, step)))
    train(model, optimizer, 1)
    assert ("hbfp/0/width", 6, 1) in seen
    assert {tag: value for tag, value, _ in seen}["hbfp/2/flushed"] == run.slots[1].health.flushed > 0


def test_evaluation_rounds_to_nearest():
    model, _, _ = start()
    x = torch.randn(4, 10)
    model.eval()
    assert torch.equal(model(x), model(x))
    model.train()
    assert not torch.equal(model(x), model(x))


def test_a_layer_alone():
    layer = Linear(10, 3, run=Run(4, HBFP("nearest")))
    assert layer(torch.ones(2, 10)).shape == (2, 3)
    assert layer.slots[""].name == "linear"


def test_rejects_a_state_of_something_else():
    with pytest.raises(ValueError, match=r"^state must be of a Run, with epochs$"):
        Run(4).load_state_dict({"schedule": {}})
