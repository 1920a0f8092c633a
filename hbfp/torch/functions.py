"""Products with their gradients, each reduced over, and quantized along, its own axis."""

from collections.abc import Callable
from math import prod
from typing import Any, TypeVar

import torch
from torch.autograd.function import once_differentiable

import golden
from golden import BlockTensor
from hbfp.torch.formats import HBFP, STAGES
from hbfp.torch.kernels.convolution import gather_product, scatter_product, weight_product
from hbfp.torch.kernels.geometry import Geometry
from hbfp.torch.kernels.products import product, stacked_product
from hbfp.torch.run import Slot, contiguous

__all__ = ["convolution", "linear", "matmul", "transposed_convolution"]

FORWARD, INPUT_GRADIENT, WEIGHT_GRADIENT = STAGES[:3]
_Function = TypeVar("_Function", bound=Callable[..., torch.Tensor])


def _uncompiled(function: _Function) -> _Function:
    """The function as it is, left out of what ``torch.compile`` compiles."""
    left: _Function = torch.compiler.disable(function)
    return left


def _float32(name: str, x: torch.Tensor) -> torch.Tensor:
    """A float32 tensor; under autocast any floating one becomes it."""
    if torch.jit.is_tracing():  # type: ignore[attr-defined]
        raise RuntimeError("products in HBFP cannot be traced: they would become constants; restore the model first")
    if x.dtype == torch.float32:
        return x
    if x.is_floating_point() and torch.is_autocast_enabled(x.device.type):
        return x.float()
    raise TypeError(f"{name} must be float32, not {x.dtype}".replace("torch.", ""))


class _Linear(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, weight: torch.Tensor, slot: Slot) -> torch.Tensor:
        ctx.slot, ctx.call, ctx.tile = slot, slot.call(), _tile(slot, weight)
        ctx.save_for_backward(x, weight)
        return product(slot, FORWARD, ctx.call, x, ctx.tile or weight.t())

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        (x, weight), slot, gradient = ctx.saved_tensors, ctx.slot, gradients[0]
        dx = dw = None
        if ctx.needs_input_grad[0]:
            other = ctx.tile.transposed() if ctx.tile else None
            if other:  # the same tiles, as B of dY W^T
                other = BlockTensor(other.mantissas, other.fields, other.format, other.shape[::-1], 0, other.tile_width)
            dx = product(slot, INPUT_GRADIENT, ctx.call, gradient, other or weight)
        if ctx.needs_input_grad[1]:
            dw = product(slot, WEIGHT_GRADIENT, ctx.call, x.t(), gradient).t()
        return dx, dw, None


def _same(what: str, one: object, other: object) -> None:
    """Raise unless both are equal."""
    if one != other:
        raise ValueError(f"{what} must be {other}, not {one}")


def _tile(slot: Slot, weight: torch.Tensor) -> BlockTensor | None:
    """The weights (inputs, outputs) in square tiles, if the format has them."""
    format = slot.run.format
    if not isinstance(format, HBFP) or format.tile_width == 1:
        return None
    seed = slot.seeds("weights", 0)[0]
    tile = golden.quantize(
        contiguous(weight).T, format.block(slot.width), 0, slot.rounding("weights"), seed, format.power_of_two,
        format.tile_width,
    )
    slot.health += tile.health
    return tile


class _Matmul(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, a: torch.Tensor, b: torch.Tensor, slot: Slot) -> torch.Tensor:
        ctx.slot, ctx.call = slot, slot.call()
        ctx.save_for_backward(a, b)
        return stacked_product(slot, FORWARD, ctx.call, a, b)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        (a, b), slot, gradient = ctx.saved_tensors, ctx.slot, gradients[0]
        da = db = None
        if ctx.needs_input_grad[0]:
            da = stacked_product(slot, INPUT_GRADIENT, ctx.call, gradient, b.mT)
        if ctx.needs_input_grad[1]:
            db = stacked_product(slot, WEIGHT_GRADIENT, ctx.call, a.mT, gradient)
        return da, db, None


class _Convolution(torch.autograd.Function):
    """On pixels (pixels, channels) and filters (filters, positions * channels)."""

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, filters: torch.Tensor, geometry: Geometry, slot: Slot) -> torch.Tensor:
        ctx.slot, ctx.call, ctx.geometry = slot, slot.call(), geometry
        ctx.save_for_backward(x, filters)
        return gather_product(slot, FORWARD, ctx.call, x, filters, geometry)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        (x, filters), gradient, dx, dw = ctx.saved_tensors, gradients[0], None, None
        if ctx.needs_input_grad[0]:
            dx = scatter_product(ctx.slot, INPUT_GRADIENT, ctx.call, gradient, filters, ctx.geometry, len(x))
        if ctx.needs_input_grad[1]:
            dw = weight_product(ctx.slot, WEIGHT_GRADIENT, ctx.call, x, gradient, ctx.geometry)
        return dx, dw, None, None


class _TransposedConvolution(torch.autograd.Function):
    """On rows (inputs, filters) and filters (filters, positions * channels); makes pixels (pixels, channels)."""

    @staticmethod
    def forward(
        ctx: Any, rows: torch.Tensor, filters: torch.Tensor, geometry: Geometry, pixels: int, slot: Slot
    ) -> torch.Tensor:
        ctx.slot, ctx.call, ctx.geometry = slot, slot.call(), geometry
        ctx.save_for_backward(rows, filters)
        return scatter_product(slot, FORWARD, ctx.call, rows, filters, geometry, pixels)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        (rows, filters), gradient, dx, dw = ctx.saved_tensors, gradients[0], None, None
        if ctx.needs_input_grad[0]:
            dx = gather_product(ctx.slot, INPUT_GRADIENT, ctx.call, gradient, filters, ctx.geometry)
        if ctx.needs_input_grad[1]:
            dw = weight_product(ctx.slot, WEIGHT_GRADIENT, ctx.call, gradient, rows, ctx.geometry)
        return dx, dw, None, None, None


@_uncompiled
def linear(x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None, slot: Slot) -> torch.Tensor:
    """``x @ weight.T + bias``, float32 (..., inputs) by (outputs, inputs); the bias is added in float32."""
    x, weight = _float32("x", x), _float32("weight", weight)
    _same(f"input of layer {slot.name}: its last axis", x.shape[-1], weight.shape[1])
    with torch.autocast(x.device.type, enabled=False):
        rows: torch.Tensor = _Linear.apply(x.reshape(prod(x.shape[:-1]), x.shape[-1]), weight, slot)
        result = rows.reshape(*x.shape[:-1], len(weight))
        return result if bias is None else result + bias


@_uncompiled
def matmul(a: torch.Tensor, b: torch.Tensor, slot: Slot) -> torch.Tensor:
    """``a @ b`` of stacks of float32 matrices with equal outer axes."""
    a, b = _float32("a", a), _float32("b", b)
    _same("shape of b but its last axis", tuple(b.shape[:-1]), (*a.shape[:-2], a.shape[-1]))
    count = prod(a.shape[:-2])
    with torch.autocast(a.device.type, enabled=False):
        result: torch.Tensor = _Matmul.apply(a.reshape(count, *a.shape[-2:]), b.reshape(count, *b.shape[-2:]), slot)
        return result.reshape(*a.shape[:-1], b.shape[-1])


@_uncompiled
def convolution(x: torch.Tensor, filters: torch.Tensor, geometry: Geometry, slot: Slot) -> torch.Tensor:
    """Of pixels (pixels, channels) with filters (filters, positions * channels): (outputs, filters)."""
    x, filters = _float32("x", x), _float32("weight", filters)
    _same(f"input of layer {slot.name}: its channels", x.shape[1], filters.shape[1] // geometry.positions)
    with torch.autocast(x.device.type, enabled=False):
        result: torch.Tensor = _Convolution.apply(x, filters, geometry, slot)
        return result


@_uncompiled
def transposed_convolution(
    rows: torch.Tensor, filters: torch.Tensor, geometry: Geometry, pixels: int, slot: Slot
) -> torch.Tensor:
    """Of rows (inputs, filters) with filters (filters, positions * channels): pixels (pixels, channels)."""
    rows, filters = _float32("x", rows), _float32("weight", filters)
    _same(f"input of layer {slot.name}: its channels", rows.shape[1], len(filters))
    with torch.autocast(rows.device.type, enabled=False):
        result: torch.Tensor = _TransposedConvolution.apply(rows, filters, geometry, pixels, slot)
        return result
