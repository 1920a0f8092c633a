"""Weights between updates: rounded to nearest into wide blocks along their inputs, as golden rounds them."""

import numpy as np
import pytest
import torch
from torch import nn

import golden
from hbfp.torch import HBFP, Values, convert, keep_wide

WIDE = golden.BlockFormat(16, 16)
MODELS = {
    "linear": (lambda: nn.Linear(40, 6), lambda w: w.T),
    "conv2d": (lambda: nn.Conv2d(6, 4, 3, groups=2), lambda w: golden.filters(w)),
    "transposed": (lambda: nn.ConvTranspose2d(40, 3, 2), lambda w: w.reshape(40, -1)),
    "lstm": (lambda: nn.LSTM(20, 8), lambda w: w.T),
    "attention": (lambda: nn.MultiheadAttention(48, 4), lambda w: w.T),
}


@pytest.mark.parametrize("name", MODELS)
def test_rounded_as_golden_along_the_inputs(name):
    """A product's second operand (inputs, outputs) is quantized along axis 0, and so must its wide form be."""
    make, as_operand = MODELS[name]
    torch.manual_seed(0)
    model = make()
    before = [p.detach().clone().numpy() for p in model.parameters()]
    convert(model, 4, HBFP(block_size=16))
    keep_wide(model, torch.optim.SGD(model.parameters(), 0.1))
    changed = 0
    for old, new in zip(before, model.parameters(), strict=True):
        if old.ndim == 1:
            assert np.array_equal(old, new.detach().numpy())
            continue
        expected = golden.dequantize(golden.quantize(np.ascontiguousarray(as_operand(old)), WIDE, 0))
        assert np.array_equal(as_operand(new.detach().numpy()), expected)
        changed += int((old != new.detach().numpy()).sum())
    assert changed > 0


def test_after_every_step():
    torch.manual_seed(0)
    model, x = nn.Linear(20, 3), torch.randn(4, 20)
    convert(model, 4, HBFP(block_size=16))
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    keep_wide(model, optimizer, 12)
    for _ in range(2):
        optimizer.zero_grad()
        model(x).sum().backward()
        optimizer.step()
        for width, same in ((12, True), (8, False)):
            format, weights = golden.BlockFormat(width, 16), model.weight.detach().numpy()
            assert np.array_equal(golden.dequantize(golden.quantize(weights, format, 1)), weights) == same


def test_rejects():
    model = nn.Linear(3, 2)
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    with pytest.raises(ValueError, match=r"^model must be converted to HBFP, not plain PyTorch$"):
        keep_wide(model, optimizer)
    convert(model, 4, Values(name="mxfp4"))
    with pytest.raises(ValueError, match=r"^model must be converted to HBFP, not Values\(rounding='stochastic', name='mxfp4'\)$"):
        keep_wide(model, optimizer)
    with pytest.raises(ValueError, match=r"^width must be between 8 and 16, not 4$"):
        keep_wide(model, optimizer, 4)
