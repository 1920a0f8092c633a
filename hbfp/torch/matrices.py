"""Weights as the matrices of their products: a row for each output, blocks along the inputs, channels innermost."""

import numpy as np
import torch
from numpy.typing import NDArray

__all__ = ["as_matrix", "as_weight"]


def as_matrix(weight: torch.Tensor, inputs_first: bool) -> NDArray[np.float32]:
    """float32 (outputs, inputs) of a layer's weight; ``inputs_first`` for transposed convolutions."""
    turned = weight.detach().flatten(1).t() if inputs_first else weight.detach().movedim(1, -1).flatten(1)
    matrix: NDArray[np.float32] = turned.contiguous().cpu().numpy()
    return matrix


def as_weight(matrix: NDArray[np.float32], shape: tuple[int, ...], inputs_first: bool) -> torch.Tensor:
    """The weight of this shape whose ``as_matrix`` this is."""
    values = torch.from_numpy(matrix)
    if inputs_first:
        return values.t().reshape(shape)
    return values.reshape(shape[0], *shape[2:], shape[1]).movedim(-1, 1).contiguous()
