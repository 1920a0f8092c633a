# Ref: M. Drumond et al., "Training DNNs with Hybrid Block Floating Point", NeurIPS 2018, section 4 (wide weights).
"""Weights between updates in wide mantissas: products make their narrow copy from them."""

from typing import Any

import numpy as np
import torch
from torch import nn

import golden
from golden import BlockFormat
from golden.format import check_range
from hbfp.torch.formats import HBFP
from hbfp.torch.kernels import native
from hbfp.torch.layers import ConvertedLayer, TransposedLayer
from hbfp.torch.matrices import as_matrix, as_weight

__all__ = ["keep_wide"]


def keep_wide(model: nn.Module, optimizer: torch.optim.Optimizer, width: int = 16) -> None:
    """Round the weights of converted layers into blocks along their inputs now and after each step, to nearest.

    Parameters
    ----------
    model
        converted to ``HBFP``; its block size holds. Biases and all other parameters stay float32.
    optimizer
        whose steps count.
    width
        bits of a mantissa, sign included (8 … 16).

    Raises
    ------
    TypeError, ValueError
        for a model without converted layers or in another format, and for a width out of range.
    """
    check_range("width", width, 8, 16)
    layers: list[Any] = [module for module in model.modules() if isinstance(module, ConvertedLayer)]
    formats = [next(iter(layer.slots.values())).run.format for layer in layers]
    if not formats or not isinstance(formats[0], HBFP):
        raise ValueError(f"model must be converted to HBFP, not {formats[0] if formats else 'plain PyTorch'}")
    format = BlockFormat(width, formats[0].block_size, formats[0].exponent_width)
    weights = [
        (parameter, isinstance(layer, TransposedLayer))
        for layer in layers for parameter in layer.parameters(recurse=False) if parameter.dim() > 1
    ]  # fmt: skip

    @torch.no_grad()
    def round_all(*_: Any) -> None:
        for weight, inputs_first in weights:
            rows = as_matrix(weight, inputs_first)
            if np.isfinite(rows).all():
                kept = golden.dequantize(native.quantize_rows(rows, format))
                weight.copy_(as_weight(kept, weight.shape, inputs_first))

    round_all()
    optimizer.register_step_post_hook(round_all)
