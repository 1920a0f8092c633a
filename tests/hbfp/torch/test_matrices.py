"""Weights as matrices: a row for each output, channels innermost, and back."""

import numpy as np
import pytest
import torch

from golden import filters
from hbfp.torch.matrices import as_matrix, as_weight


@pytest.mark.parametrize("shape", [(3, 5), (4, 3, 2), (2, 3, 4, 5), (2, 2, 3, 1, 2)])
@pytest.mark.parametrize("inputs_first", [False, True])
def test_there_and_back(shape, inputs_first):
    weight = torch.arange(float(np.prod(shape))).reshape(shape)
    matrix = as_matrix(weight, inputs_first)
    assert matrix.dtype == np.float32
    assert matrix.flags.c_contiguous
    assert torch.equal(as_weight(matrix, shape, inputs_first), weight)


def test_a_linear_layer_s_weight_is_its_matrix():
    weight = torch.nn.Parameter(torch.arange(6.0).reshape(2, 3))
    assert as_matrix(weight, False).tolist() == [[0, 1, 2], [3, 4, 5]]


def test_a_convolution_has_channels_innermost():
    weight = torch.arange(2.0 * 3 * 2 * 2).reshape(2, 3, 2, 2)
    assert np.array_equal(as_matrix(weight, False), filters(weight.numpy()).T)


def test_a_transposed_convolution_s_outputs_are_its_columns():
    weight = torch.arange(2.0 * 3 * 4).reshape(2, 3, 4)
    assert np.array_equal(as_matrix(weight, True), weight.reshape(2, 12).T.numpy())
