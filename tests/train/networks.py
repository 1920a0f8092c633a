"""Small data and helpers of the training tests."""

import numpy as np

from golden import BlockTensor, schedule
from golden.train import Arithmetic, Data, FloatDevice, GoldenDevice


def data(samples: int = 48, shape=(6, 6, 1), classes: int = 3, seed: int = 0) -> Data:
    """Noisy copies of one random pattern per class; a third of them for the test."""
    rng = np.random.default_rng(seed)
    patterns = rng.normal(size=(classes, *shape))
    labels = rng.integers(0, classes, samples)
    x = (patterns[labels] + 0.3 * rng.normal(size=(samples, *shape))).astype(np.float32)
    cut = samples * 2 // 3
    return Data(x[:cut], labels[:cut], x[cut:], labels[cut:])


def exactly(epochs: int = 1, dtype=np.float32) -> Arithmetic:
    """Floating-point products."""
    return Arithmetic(FloatDevice(dtype), schedule("all-4"), epochs)


def in_blocks(plan="all-4", epochs: int = 1, block_size: int = 8, **options) -> Arithmetic:
    """Products of the golden model."""
    return Arithmetic(GoldenDevice(block_size), schedule(plan), epochs, **options)


class Recorder:
    """A device that notes what it is asked and hands it on to the golden model."""

    def __init__(self, block_size: int = 8):
        self.inner = GoldenDevice(block_size)
        self.block_size = block_size
        self.calls: list[dict] = []

    def matmul(self, a, b, **options):
        product = self.inner.matmul(a, b, **options)
        self.calls.append({"a": a, "b": b, "product": product, **options})
        return product

    def health(self):
        return self.inner.health()


def shapes(call) -> tuple:
    return tuple(x.shape for x in (call["a"], call["b"]))


def is_blocks(x) -> bool:
    return isinstance(x, BlockTensor)
