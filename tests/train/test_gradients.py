"""With floating-point products, gradients are those of the loss: against finite differences in float64."""

import numpy as np
import pytest

from golden.train import (
    Convolution,
    Flatten,
    Linear,
    MaxPool,
    Network,
    ReLU,
    convolutional,
    perceptron,
    softmax_cross_entropy,
)
from tests.train.networks import data, exactly


def loss_of(network, x, y) -> float:
    return softmax_cross_entropy(network.forward(x, exactly(dtype=np.float64)), y)[0]


NETWORKS = {
    "perceptron": lambda: perceptron([36, 7, 5, 3], 1),
    "convolutional": lambda: convolutional([3, 2], 3, 1, image=8),
    "unpadded": lambda: Network(
        [
            Convolution("a", 1, 2, 3, np.random.default_rng(1), padding=0), ReLU(),
            Convolution("b", 2, 3, 2, np.random.default_rng(2), padding=1), MaxPool(5), Flatten(),
            Linear("c", 3, 3, np.random.default_rng(3)),
        ]
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", NETWORKS)
def test_gradients_equal_finite_differences(name):
    network = NETWORKS[name]()
    x, y = data(9, (8, 8, 1) if name == "convolutional" else (6, 6, 1)).x_train, data(9).y_train
    scores = network.forward(x, exactly())
    network.backward(softmax_cross_entropy(scores, y)[1], exactly())
    gradients = [parameter.gradient for parameter in network.parameters]
    for parameter in network.parameters:
        parameter.value = parameter.value.astype(np.float64)
    x, rng, step = x.astype(np.float64), np.random.default_rng(4), 1e-6
    for parameter, gradient in zip(network.parameters, gradients, strict=True):
        assert gradient.dtype == np.float32
        assert gradient.any()
        for index in rng.choice(gradient.size, min(gradient.size, 12), replace=False):
            place = np.unravel_index(index, gradient.shape)
            original = parameter.value[place]
            losses = []
            for change in (step, -step):
                parameter.value[place] = original + change
                losses.append(loss_of(network, x, y))
            parameter.value[place] = original
            assert gradient[place] == pytest.approx((losses[0] - losses[1]) / (2 * step), rel=1e-3, abs=2e-6)


def test_convolution_is_the_sum_over_patches():
    rng = np.random.default_rng(5)
    layer = Convolution("conv", 2, 3, 3, rng)
    layer.bias.value = rng.normal(size=3).astype(np.float32)
    x = rng.normal(size=(2, 4, 5, 2)).astype(np.float32)
    kernel = layer.weights.value.reshape(3, 3, 2, 3)
    padded = np.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))
    y = layer.forward(x, exactly())
    assert y.shape == (2, 4, 5, 3)
    for place in np.ndindex(4, 5):
        patch = padded[:, place[0] : place[0] + 3, place[1] : place[1] + 3]
        wanted = np.einsum("nijc,ijcf->nf", patch, kernel) + layer.bias.value
        assert np.allclose(y[:, place[0], place[1]], wanted, atol=1e-5)


def test_equal_maxima_pass_the_gradient_once():
    pool = MaxPool(2)
    assert pool.forward(np.ones((1, 2, 2, 1), np.float32), exactly()).shape == (1, 1, 1, 1)
    assert pool.backward(np.full((1, 1, 1, 1), 3, np.float32), exactly()).sum() == 3


def test_first_layer_gives_no_input_gradient():
    network = perceptron([4, 3, 2], 1)
    network.backward(network.forward(np.ones((2, 4), np.float32), exactly()), exactly())
    assert [layer.input_gradient for layer in network.products] == [False, True]
