"""Every layer's forward product and both gradients have golden.matmul's bits; without blocks, PyTorch's values."""

import re

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

import golden
from hbfp.torch import HBFP, convert, device, restore
from hbfp.torch.run import product_seed

LAYERS = {
    "linear": (lambda: nn.Linear(70, 9), (5, 3, 70)),
    "conv1d": (lambda: nn.Conv1d(16, 5, 3, stride=2, padding=1), (2, 16, 11)),
    "conv2d": (lambda: nn.Conv2d(6, 8, 3, padding="same", dilation=2, groups=2), (2, 6, 7, 6)),
    "conv2d blocks in channels": (lambda: nn.Conv2d(32, 5, 3, padding=1), (2, 32, 5, 4)),
    "conv2d reflect": (lambda: nn.Conv2d(3, 4, 3, padding=1, padding_mode="reflect"), (2, 3, 5, 5)),
    "conv3d": (lambda: nn.Conv3d(2, 3, 2), (2, 2, 4, 3, 3)),
    "transposed 1d": (lambda: nn.ConvTranspose1d(4, 3, 3, stride=2), (2, 4, 5)),
    "transposed 2d": (
        lambda: nn.ConvTranspose2d(6, 4, 3, stride=2, padding=1, output_padding=1, groups=2), (2, 6, 4, 5)
    ),
    "transposed 3d": (lambda: nn.ConvTranspose3d(2, 3, 2, stride=2), (1, 2, 2, 3, 2)),
    "lstm": (lambda: nn.LSTM(6, 5, 2, bidirectional=True, batch_first=True), (3, 4, 6)),
}  # fmt: skip


class Golden:
    """Products of the golden model, as a machine."""

    def __init__(self, block_size, accumulator="fp32"):
        self.block_size, self.accumulator, self.calls, self.roundings = block_size, accumulator, [], []

    def matmul(self, a, b, *, width_a, width_b, rounding, seed_a, seed_b):
        self.calls.append((a.copy(), b.copy(), seed_a, seed_b))
        self.roundings.append(rounding)
        if rounding != "stochastic":
            seed_a = seed_b = None
        formats = [golden.BlockFormat(width, self.block_size) for width in (width_a, width_b)]
        return golden.matmul(
            a, b, *formats, rounding=rounding, seed_a=seed_a, seed_b=seed_b, accumulator=self.accumulator
        )


class Exact(Golden):
    """float32 products: what is left must be PyTorch's layer."""

    def matmul(self, a, b, **_):
        return a @ b


class SelfAttention(nn.Module):
    """As a module of one input."""

    def __init__(self, layer, options):
        super().__init__()
        self.layer, self.options = layer, options

    def forward(self, x):
        return self.layer(x, x, x, **self.options)


def passes(layer, x):
    """Output, input gradient and parameters' gradients."""
    x = x.clone().requires_grad_()
    layer.zero_grad()
    y = layer(x)
    y = y[0] if isinstance(y, tuple) else y
    (y * torch.linspace(-1, 1, y.numel()).reshape(y.shape)).sum().backward()
    return [y.detach(), x.grad, *(p.grad.clone() for p in layer.parameters())]


MIXED = ("nearest", "stochastic", "truncate")


@pytest.mark.parametrize("rounding", [*MIXED, MIXED], ids=str)
@pytest.mark.parametrize("name", LAYERS)
def test_bits_are_goldens(name, rounding):
    make, shape = LAYERS[name]
    torch.manual_seed(1)
    layer, x = make(), torch.randn(shape)
    for width, accumulator in ((4, "fp32"), (6, "bf16")):
        format = HBFP(rounding, block_size=16, accumulator=accumulator)
        convert(layer, width, format)
        ours = passes(layer, x)
        restore(layer)
        convert(layer, width, format)
        with device(Golden(16, accumulator)):
            theirs = passes(layer, x)
        restore(layer)
        assert all(torch.equal(one, other) for one, other in zip(ours, theirs, strict=True))


@pytest.mark.parametrize("name", LAYERS)
def test_with_exact_products_it_is_pytorchs_layer(name):
    make, shape = LAYERS[name]
    torch.manual_seed(2)
    layer, x = make(), torch.randn(shape)
    expected = passes(layer, x)
    convert(layer, 4, HBFP(block_size=16))
    with device(Exact(16)):
        ours = passes(layer, x)
    for one, other in zip(ours, expected, strict=True):
        torch.testing.assert_close(one, other, atol=2e-5, rtol=2e-5)


def test_convolution_is_the_product_of_goldens_patches_and_filters():
    torch.manual_seed(0)
    layer, x = nn.Conv2d(16, 4, 3, stride=2, padding=1, dilation=2, bias=False), torch.randn(2, 16, 9, 8)
    format = golden.BlockFormat(4, 16)
    a = golden.patches(x.numpy(), (3, 3), (2, 2), (1, 1, 1, 1), (2, 2))
    expected = golden.matmul(a, golden.filters(layer.weight.detach().numpy()), format)
    convert(layer, 4, HBFP("nearest", block_size=16))
    assert np.array_equal(layer(x).detach().permute(0, 2, 3, 1).reshape(-1, 4).numpy(), expected)


@pytest.mark.parametrize("mask", [None, "causal", "padding"])
def test_attention(mask):
    torch.manual_seed(3)
    layer, x = nn.MultiheadAttention(16, 2, batch_first=True), torch.randn(3, 5, 16)
    options = {}
    if mask == "causal":
        options = {"attn_mask": torch.ones(5, 5, dtype=torch.bool).triu(1)}
    elif mask == "padding":
        options = {"key_padding_mask": torch.tensor([[False] * 4 + [True]] * 3)}
    expected, weights = layer(x, x, x, **options)
    convert(layer, 4, HBFP("stochastic", block_size=16))
    with device(Exact(16)):
        ours, shown = layer(x, x, x, **options)
    torch.testing.assert_close(ours, expected)
    torch.testing.assert_close(shown, weights)
    restore(layer)
    outputs = []
    for machine in (None, Golden(16)):
        run = convert(layer, 4, HBFP("stochastic", block_size=16))
        assert [slot.name for slot in run.slots][3:] == ["model.scores", "model.values", "out_proj"]
        with device(machine):
            outputs.append(passes(SelfAttention(layer, options), x))
        restore(layer)
    assert all(torch.equal(one, other) for one, other in zip(*outputs, strict=True))


def test_gradients_reduce_over_their_own_axes_with_their_own_seeds():
    torch.manual_seed(0)
    layer, x = nn.Linear(20, 6), torch.randn(7, 20)
    run = convert(layer, 4, HBFP(block_size=16), seed=5)
    run.step = 3
    with device(Golden(16)) as machine:
        passes(layer, x)
    shapes = [(a.shape, b.shape) for a, b, *_ in machine.calls]
    assert shapes == [((7, 20), (20, 6)), ((7, 6), (6, 20)), ((20, 7), (7, 6))]
    stages = ("forward", "input gradient", "weight gradient")
    assert [call[2:] for call in machine.calls] == [
        tuple(product_seed(5, 3, 0, stage, operand) for operand in (0, 1)) for stage in stages
    ]


def test_each_product_has_its_own_rounding():
    layer = nn.Linear(20, 6)
    convert(layer, 4, HBFP(MIXED, block_size=16))
    with device(Golden(16)) as machine:
        passes(layer, torch.randn(7, 20))
        layer.eval()(torch.randn(7, 20))
    assert machine.roundings == [*MIXED, "nearest"]


def test_tiles_serve_both_products():
    torch.manual_seed(0)
    layer, x = nn.Linear(40, 24, bias=False), torch.randn(8, 40)
    convert(layer, 4, HBFP("nearest", block_size=16, tile_width=16))
    y, dx, _ = passes(layer, x)
    format = golden.BlockFormat(4, 16)
    tile = golden.quantize(layer.weight.detach().numpy().T.copy(), format, 0, tile_width=16)
    assert np.array_equal(y.numpy(), golden.matmul(x.numpy(), tile, format))
    rounded = golden.dequantize(tile)
    gradient = torch.linspace(-1, 1, y.numel()).reshape(y.shape)
    exact = golden.dequantize(golden.quantize(gradient.numpy(), format)) @ rounded.T
    np.testing.assert_allclose(dx.numpy(), exact, rtol=1e-5, atol=1e-6)


def test_aligned_accumulators_are_goldens():
    torch.manual_seed(0)
    layer, x = nn.Conv2d(16, 3, 3), torch.randn(1, 16, 4, 4)
    convert(layer, 4, HBFP("nearest", block_size=16, accumulator="aligned"))
    ours = passes(layer, x)
    with device(Golden(16, "aligned")):
        theirs = passes(layer, x)
    assert all(torch.equal(one, other) for one, other in zip(ours, theirs, strict=True))


@pytest.mark.filterwarnings("ignore:The .grad attribute")
def test_compilation_and_autocast_do_not_change_bits():
    torch.manual_seed(0)
    model, x = nn.Sequential(nn.Linear(20, 16), nn.ReLU(), nn.Linear(16, 4)), torch.randn(3, 20)
    convert(model, 4, HBFP("nearest", block_size=16))
    expected = model(x)
    assert torch.equal(torch.compile(model, backend="eager")(x), expected)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(model(x), expected)


def test_rejects_other_types():
    layer = nn.Linear(4, 4)
    convert(layer, 4)
    with pytest.raises(TypeError, match=r"^x must be float32, not float64$"):
        layer(torch.zeros(1, 4, dtype=torch.float64))


@pytest.mark.parametrize(
    ("make", "shape", "text"),
    [
        (lambda: nn.Linear(4, 5), (3, 7), "input of layer model: its last axis must be 4, not 7"),
        (lambda: nn.Conv2d(4, 5, 3), (1, 3, 6, 6), "input of layer model: its channels must be 4, not 3"),
        (lambda: nn.Conv2d(4, 6, 3, groups=2), (1, 8, 6, 6), "input of layer model: its channels must be 2, not 4"),
        (lambda: nn.ConvTranspose1d(4, 5, 3), (1, 3, 6), "input of layer model: its channels must be 4, not 3"),
        (lambda: nn.LSTM(4, 5), (3, 2, 7), "input.size(-1) must be equal to input_size. Expected 4, got 7"),
    ],
)
def test_rejects_inputs_of_other_sizes(make, shape, text):
    layer = make()
    convert(layer, 4)
    with pytest.raises((ValueError, RuntimeError), match=f"^{re.escape(text)}$"):
        layer(torch.zeros(shape))


@pytest.mark.filterwarnings("ignore:.torch.jit.trace")
def test_rejects_what_would_be_silently_wrong():
    layer, x = nn.Linear(4, 4), torch.randn(2, 4, requires_grad=True)
    convert(layer, 4)
    (gradient,) = torch.autograd.grad(layer(x).square().sum(), x, create_graph=True)
    with pytest.raises(RuntimeError, match="once_differentiable"):
        gradient.sum().backward()
    with pytest.raises(RuntimeError, match=r"^products in HBFP cannot be traced"):
        torch.jit.trace(layer, x)
    lstm = nn.LSTM(4, 5)
    convert(lstm, 4)
    with pytest.raises(RuntimeError, match=r"^Expected hidden\[0\] size \(1, 2, 5\), got \[1, 1, 5\]$"):
        lstm(torch.zeros(3, 2, 4), (torch.zeros(1, 1, 5), torch.zeros(1, 1, 5)))


@pytest.mark.parametrize("name", [name for name in LAYERS if name != "lstm"])  # PyTorch's refuses them
def test_empty_batches_are_pytorchs(name):
    make, shape = LAYERS[name]
    layer, x = make(), torch.zeros(0, *shape[1:])
    expected = passes(layer, x)
    convert(layer, 4)
    ours = passes(layer, x)
    for one, other in zip(ours, expected, strict=True):
        torch.testing.assert_close(one, other, atol=0, rtol=0)


def test_transposed_convolutions_take_one_image():
    layer, x = nn.ConvTranspose2d(4, 5, 3), torch.randn(4, 5, 6)
    convert(layer, 4, HBFP("nearest"))
    assert torch.equal(layer(x), layer(x[None])[0])


def test_rejects_a_machine_of_other_blocks():
    layer = nn.Linear(4, 4)
    convert(layer, 4)
    with device(Golden(16)), pytest.raises(ValueError, match=r"^block_size must be the machine's 16, not 64$"):
        layer(torch.zeros(1, 4))


def test_heads_tied_to_an_embedding_keep_its_weights():
    embedding, head = nn.Embedding(7, 16), nn.Linear(16, 7, bias=False)
    head.weight = embedding.weight
    model = nn.Sequential(embedding, head)
    convert(model, 8)
    functional.cross_entropy(model(torch.tensor([1, 2])), torch.tensor([2, 3])).backward()
    assert model[1].weight is model[0].weight
    assert model[0].weight.grad.abs().sum() > 0
