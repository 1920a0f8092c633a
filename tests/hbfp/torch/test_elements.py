"""Values of the other formats, held to ml_dtypes."""

import ml_dtypes
import numpy as np
import pytest
import torch

from hbfp.torch import FORMATS, Values, convert, format_named
from hbfp.torch.elements import ELEMENTS, quantize_elements

OUTSIDE = {
    "mxfp4": ml_dtypes.float4_e2m1fn, "mxfp6-e2m3": ml_dtypes.float6_e2m3fn, "mxfp6-e3m2": ml_dtypes.float6_e3m2fn,
    "mxfp8-e4m3": ml_dtypes.float8_e4m3fn,
}  # fmt: skip


@pytest.mark.parametrize("name", OUTSIDE)
def test_mx_blocks(name):
    rng = np.random.default_rng(0)
    x = (rng.standard_normal((20, 64)) * np.exp2(rng.integers(-10, 10, (20, 1)))).astype(np.float32)
    element = ELEMENTS[name]
    blocks = x.reshape(20, 2, 32)
    largest = np.abs(blocks).max(-1, keepdims=True)
    exponents = np.frexp(largest)[1] - np.frexp(np.float32(element.largest))[1]
    scaled = np.clip(np.ldexp(blocks, -exponents), -element.largest, element.largest)
    expected = np.ldexp(scaled.astype(OUTSIDE[name]).astype(np.float32), exponents).reshape(x.shape)
    assert np.array_equal(quantize_elements(torch.from_numpy(x), element).numpy(), expected)


def test_scales_rounded_up_are_the_least_that_hold_the_largest_element():
    x = torch.rand(200, 32) * torch.exp2(torch.randint(-9, 9, (200, 1)).float())
    x[0, 0], x[0, 1:] = 6.0, 0.4  # nothing to spare, and the scale stays 1
    scales = torch.exp2(torch.ceil(torch.log2(x.amax(-1, keepdim=True).double() / 6))).float()
    expected = (x / scales).numpy().astype(ml_dtypes.float4_e2m1fn).astype(np.float32) * scales.numpy()
    assert np.array_equal(quantize_elements(x, ELEMENTS["mxfp4-up"]).numpy(), expected)


def test_bfloat16():
    x = torch.randn(1000)
    assert torch.equal(quantize_elements(x, ELEMENTS["bf16"]), x.bfloat16().float())


@pytest.mark.parametrize("name", ELEMENTS)
def test_stochastic_rounding_is_unbiased_and_repeated_by_its_seed(name):
    x = torch.rand(1, 64).repeat(4000, 1) + 0.5
    rounded = quantize_elements(x, ELEMENTS[name], "stochastic", 3)
    assert torch.equal(rounded, quantize_elements(x, ELEMENTS[name], "stochastic", 3))
    inside = quantize_elements(x[0], ELEMENTS[name]).abs() < 1.2  # saturation is not rounding
    assert (rounded.mean(0) - x[0])[inside].abs().max() < 0.02


@pytest.mark.parametrize("name", ELEMENTS)
def test_zeros_and_nan(name):
    x = torch.zeros(2, 64)
    x[1, 3] = torch.nan
    values = quantize_elements(x, ELEMENTS[name])
    assert (values[0] == 0).all()
    assert values[1, 3].isnan()


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_trains_a_layer(name):
    torch.manual_seed(0)
    layer, x = torch.nn.Conv2d(4, 4, 3), torch.randn(4, 4, 6, 6)
    expected = layer(x)
    convert(layer, 8, format_named(name, rounding="nearest"))
    ours = layer(x)
    ours.sum().backward()
    error = float((ours - expected).detach().norm() / expected.detach().norm())
    assert 0 < error < (0.3 if name.startswith(("mxfp4", "nvfp4", "int4")) else 0.1)
    assert layer.weight.grad.isfinite().all()


def test_rejects_another_format():
    with pytest.raises(ValueError, match=r"^format must be one of hbfp, mxfp4, .*, not fp3$"):
        format_named("fp3")
    with pytest.raises(ValueError, match=r"^rounding must be one of nearest, stochastic, truncate, not up$"):
        Values("up")
