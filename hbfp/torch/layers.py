"""PyTorch's layers with their products in HBFP: subclasses with the same parameters, so state dicts are interchangeable.

Each takes its base's arguments and, by keyword, ``run``; ``convert`` makes them of the layers of a model.
"""

from math import prod, sqrt
from typing import Any, ClassVar

import torch
from torch import nn
from torch.nn import functional

from hbfp.torch.functions import convolution, linear, matmul, transposed_convolution
from hbfp.torch.kernels.geometry import geometry
from hbfp.torch.run import Run, Slot
from hbfp.torch.schedule import Schedule

__all__ = [
    "LAYERS", "LSTM", "Conv1d", "Conv2d", "Conv3d", "ConvTranspose1d", "ConvTranspose2d", "ConvTranspose3d", "ConvertedLayer",
    "Linear", "MultiheadAttention", "TransposedLayer", "scaled_dot_product_attention",
]  # fmt: skip


class ConvertedLayer:
    """What the converted layers have in common.

    Attributes
    ----------
    slots
        of their products, by role.
    """

    roles: ClassVar[tuple[str, ...]] = ("",)
    slots: dict[str, Slot]

    def __init__(self, *arguments: Any, run: Run | None = None, **options: Any):
        super().__init__(*arguments, **options)
        alone = Run(Schedule(4).ends(6))  # Booster's widths but for its last epoch; a layer alone is both ends
        self.enter(run if run is not None else alone, type(self).__name__.lower())

    def enter(self, run: Run, name: str) -> None:
        """Take places in a run."""
        roles = self._roles()
        self.slots = {role: run.slot(f"{name}.{role}" if role else name) for role in roles}

    def _roles(self) -> tuple[str, ...]:
        return self.roles

    def _slot(self, role: str = "") -> Slot:
        slot = self.slots[role]
        slot.training = self.training  # type: ignore[attr-defined]
        return slot


class Linear(ConvertedLayer, nn.Linear):
    """``y = x W^T + b``; float32 (..., inputs)."""

    def forward(self, input: torch.Tensor) -> torch.Tensor:
        """float32 (..., outputs)."""
        return linear(input, self.weight, self.bias, self._slot())


class _Convolution(ConvertedLayer):
    """N-dimensional convolutions, by their products."""

    kernel_size: tuple[int, ...]
    stride: tuple[int, ...]
    dilation: tuple[int, ...]
    groups: int

    def forward(self, input: torch.Tensor) -> torch.Tensor:
        """float32 (batch, filters, ...), or without batch."""
        dimensions = len(self.kernel_size)
        if input.dim() == dimensions + 1:
            return self.forward(input.unsqueeze(0)).squeeze(0)
        if input.dim() != dimensions + 2:
            raise ValueError(f"input must have {dimensions + 1} or {dimensions + 2} dimensions, not {input.dim()}")
        before, after = self._borders()
        if self.padding_mode != "zeros":  # type: ignore[attr-defined]
            pads = [n for pair in zip(reversed(before), reversed(after), strict=True) for n in pair]
            input = functional.pad(input, pads, mode=self.padding_mode)  # type: ignore[attr-defined]
            before = after = (0,) * dimensions
        shape = tuple(input.shape[2:])
        place = geometry(len(input), shape, self.kernel_size, self.stride, before, after, self.dilation)
        slot, parts = self._slot(), []
        weight, bias = self.weight, self.bias  # type: ignore[attr-defined]
        for x, w in zip(input.chunk(self.groups, 1), weight.chunk(self.groups), strict=True):
            parts.append(convolution(_pixels(x), w.movedim(1, -1).reshape(len(w), -1), place, slot))
        rows = parts[0] if self.groups == 1 else torch.cat(parts, 1)
        return _image(rows if bias is None else rows + bias, len(input), place.output)

    def _borders(self) -> tuple[tuple[int, ...], tuple[int, ...]]:
        padding = self.padding  # type: ignore[attr-defined]
        if padding == "valid":
            padding = (0,) * len(self.kernel_size)
        if padding == "same":
            whole = [d * (k - 1) for k, d in zip(self.kernel_size, self.dilation, strict=True)]
            return tuple(n // 2 for n in whole), tuple(n - n // 2 for n in whole)
        return padding, padding


class Conv1d(_Convolution, nn.Conv1d):
    """float32 (batch, channels, length)."""


class Conv2d(_Convolution, nn.Conv2d):
    """float32 (batch, channels, height, width)."""


class Conv3d(_Convolution, nn.Conv3d):
    """float32 (batch, channels, depth, height, width)."""


class TransposedLayer(ConvertedLayer):
    """Transposed convolutions: the products of a convolution in the other direction; reduced over the channels."""

    def forward(self, input: torch.Tensor, output_size: list[int] | None = None) -> torch.Tensor:
        """float32 (batch, filters, ...), or without batch."""
        kernel, stride, dilation, padding = self.kernel_size, self.stride, self.dilation, self.padding  # type: ignore[attr-defined]
        dimensions = len(kernel)
        if input.dim() == dimensions + 1:
            return self.forward(input.unsqueeze(0), output_size).squeeze(0)
        if input.dim() != dimensions + 2:
            raise ValueError(f"input must have {dimensions + 1} or {dimensions + 2} dimensions, not {input.dim()}")
        extra = self._output_padding(  # type: ignore[attr-defined]
            input, output_size, stride, padding, kernel, dimensions, dilation
        )
        shape = tuple(
            (n - 1) * s - 2 * p + d * (k - 1) + e + 1
            for n, s, p, d, k, e in zip(input.shape[2:], stride, padding, dilation, kernel, extra, strict=True)
        )
        place = geometry(len(input), shape, kernel, stride, padding, padding, dilation)
        if place.output != tuple(input.shape[2:]):
            raise ValueError(f"output_padding must be smaller than stride, not {tuple(extra)}")
        parts = []
        for x, w in zip(input.chunk(self.groups, 1), self.weight.chunk(self.groups), strict=True):  # type: ignore[attr-defined]
            filters = w.movedim(1, -1).reshape(len(w), -1)
            parts.append(transposed_convolution(_pixels(x), filters, place, len(input) * prod(shape), self._slot()))
        rows = parts[0] if len(parts) == 1 else torch.cat(parts, 1)
        return _image(rows if self.bias is None else rows + self.bias, len(input), shape)  # type: ignore[attr-defined]


class ConvTranspose1d(TransposedLayer, nn.ConvTranspose1d):
    """float32 (batch, channels, length)."""


class ConvTranspose2d(TransposedLayer, nn.ConvTranspose2d):
    """float32 (batch, channels, height, width)."""


class ConvTranspose3d(TransposedLayer, nn.ConvTranspose3d):
    """float32 (batch, channels, depth, height, width)."""


def _pixels(x: torch.Tensor) -> torch.Tensor:
    return x.movedim(1, -1).reshape(x.numel() // x.shape[1], x.shape[1])


def _image(rows: torch.Tensor, batch: int, shape: tuple[int, ...]) -> torch.Tensor:
    return rows.reshape(batch, *shape, rows.shape[1]).movedim(-1, 1)


def scaled_dot_product_attention(
    query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, scores: Slot, values: Slot,
    attn_mask: torch.Tensor | None = None, dropout_p: float = 0.0, is_causal: bool = False,
) -> tuple[torch.Tensor, torch.Tensor]:  # fmt: skip
    """As PyTorch's, both products in HBFP, softmax in float32; the result and the weights.

    Parameters
    ----------
    query, key, value
        float32 (..., length, size).
    scores, values
        slots of ``Q K^T`` and of its softmax times V.
    attn_mask
        added to the scores, or boolean: True where attention is allowed.
    """
    logits = matmul(query, key.mT, scores) / sqrt(query.shape[-1])
    if is_causal:
        allowed = torch.ones(logits.shape[-2:], dtype=torch.bool, device=logits.device).tril()
        logits = logits.masked_fill(~allowed, -torch.inf)
    if attn_mask is not None:
        bad = attn_mask.dtype == torch.bool
        logits = logits.masked_fill(~attn_mask, -torch.inf) if bad else logits + attn_mask
    weights = functional.dropout(logits.softmax(-1), dropout_p, dropout_p > 0)
    return matmul(weights, value, values), weights


class MultiheadAttention(ConvertedLayer, nn.MultiheadAttention):
    """Projections and both products of attention; its output projection is a ``Linear`` of its own.

    Without ``bias_kv`` and ``add_zero_attn``.
    """

    roles = ("query", "key", "value", "scores", "values")

    def forward(
        self, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor,
        key_padding_mask: torch.Tensor | None = None, need_weights: bool = True,
        attn_mask: torch.Tensor | None = None, average_attn_weights: bool = True, is_causal: bool = False,
    ) -> tuple[torch.Tensor, torch.Tensor | None]:  # fmt: skip
        """As ``nn.MultiheadAttention``."""
        batched = query.dim() == 3
        if not batched:
            query, key, value = (x.unsqueeze(0) for x in (query, key, value))
        elif not self.batch_first:
            query, key, value = (x.transpose(0, 1) for x in (query, key, value))
        q, k, v = (
            linear(x, weight, bias, self._slot(role)).unflatten(-1, (self.num_heads, -1)).transpose(1, 2)
            for x, (role, weight, bias) in zip((query, key, value), self._projections(), strict=True)
        )
        mask = _masks(attn_mask, key_padding_mask, q.shape, k.shape)
        attended, weights = scaled_dot_product_attention(
            q, k, v, self._slot("scores"), self._slot("values"), mask,
            self.dropout if self.training else 0.0, is_causal and mask is None,
        )  # fmt: skip
        result = self.out_proj(attended.transpose(1, 2).flatten(-2))
        shown = (weights.mean(1) if average_attn_weights else weights) if need_weights else None
        if not batched:
            return result.squeeze(0), None if shown is None else shown.squeeze(0)
        return (result if self.batch_first else result.transpose(0, 1)), shown

    def _projections(self) -> list[tuple[str, torch.Tensor, torch.Tensor | None]]:
        if self.in_proj_weight is None:
            weights = [self.q_proj_weight, self.k_proj_weight, self.v_proj_weight]
        else:
            weights = list(self.in_proj_weight.chunk(3))
        biases = [None] * 3 if self.in_proj_bias is None else list(self.in_proj_bias.chunk(3))
        return list(zip(self.roles[:3], weights, biases, strict=True))


def _masks(
    mask: torch.Tensor | None, padding: torch.Tensor | None, queries: torch.Size, keys: torch.Size
) -> torch.Tensor | None:
    """One float mask from PyTorch's two (there True means: not allowed), or None."""
    total = None
    for given, shape in ((mask, None), (padding, (-1, 1, 1, keys[2]))):
        if given is None:
            continue
        one = given
        if one.dtype == torch.bool:
            one = torch.zeros(one.shape, device=one.device).masked_fill(one, -torch.inf)
        if shape:
            one = one.reshape(shape)
        elif one.dim() == 3:
            one = one.reshape(-1, queries[1], *one.shape[1:])
        total = one if total is None else total + one
    return total


class LSTM(ConvertedLayer, nn.LSTM):
    """Both products of every step; gates and cell in float32. Without ``proj_size``."""

    def _roles(self) -> tuple[str, ...]:
        return tuple(f"{which}_{suffix}" for suffix in self._suffixes() for which in ("input", "hidden"))

    def _suffixes(self) -> list[str]:
        return [f"l{i}{end}" for i in range(self.num_layers) for end in ("", "_reverse")[: 1 + self.bidirectional]]

    def forward(  # type: ignore[override]
        self, input: torch.Tensor, hx: tuple[torch.Tensor, torch.Tensor] | None = None
    ) -> tuple[torch.Tensor, tuple[torch.Tensor, torch.Tensor]]:
        """As ``nn.LSTM`` of tensors."""
        if not isinstance(input, torch.Tensor):
            raise TypeError(f"input must be a tensor in HBFP, not {type(input).__name__}")
        batched = input.dim() == 3
        x = input if batched else input.unsqueeze(1)
        if batched and self.batch_first:
            x = x.transpose(0, 1)
        states = len(self._suffixes())
        if hx is None:
            zeros = x.new_zeros(states, x.shape[1], self.hidden_size)
            hx = zeros, zeros
        elif not batched:
            hx = hx[0].unsqueeze(1), hx[1].unsqueeze(1)
        self.check_forward_args(x.transpose(0, 1) if self.batch_first else x, hx, None)
        hidden, cells, directions = [], [], 1 + self.bidirectional
        for layer in range(self.num_layers):
            outputs = []
            for direction in range(directions):
                number = layer * directions + direction
                y, h, c = self._pass(self._suffixes()[number], x, hx[0][number], hx[1][number], bool(direction))
                outputs.append(y)
                hidden.append(h)
                cells.append(c)
            x = torch.cat(outputs, -1)
            if layer < self.num_layers - 1:
                x = functional.dropout(x, self.dropout, self.training)
        last = torch.stack(hidden), torch.stack(cells)
        if not batched:
            return x.squeeze(1), (last[0].squeeze(1), last[1].squeeze(1))
        return (x.transpose(0, 1) if self.batch_first else x), last

    def _pass(
        self, suffix: str, x: torch.Tensor, h: torch.Tensor, c: torch.Tensor, backwards: bool
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        w_x, w_h = getattr(self, f"weight_ih_{suffix}"), getattr(self, f"weight_hh_{suffix}")
        b_x, b_h = (getattr(self, f"bias_{which}_{suffix}") if self.bias else None for which in ("ih", "hh"))
        inputs, slot = linear(x, w_x, b_x, self._slot(f"input_{suffix}")), self._slot(f"hidden_{suffix}")
        outputs = []
        for gates in inputs.flip(0) if backwards else inputs:
            i, f, g, o = (gates + linear(h, w_h, b_h, slot)).chunk(4, 1)
            c = f.sigmoid() * c + i.sigmoid() * g.tanh()
            h = o.sigmoid() * c.tanh()
            outputs.append(h)
        y = torch.stack(outputs)
        return (y.flip(0) if backwards else y), h, c


LAYERS: dict[type[nn.Module], type[ConvertedLayer]] = {
    nn.Linear: Linear,
    nn.modules.linear.NonDynamicallyQuantizableLinear: Linear,
    nn.Conv1d: Conv1d,
    nn.Conv2d: Conv2d,
    nn.Conv3d: Conv3d,
    nn.ConvTranspose1d: ConvTranspose1d,
    nn.ConvTranspose2d: ConvTranspose2d,
    nn.ConvTranspose3d: ConvTranspose3d,
    nn.MultiheadAttention: MultiheadAttention,
    nn.LSTM: LSTM,
}
