"""Training in HBFP: every matrix product in blocks on a device, everything else in float32.

``train`` runs a ``Network`` on ``Data`` by a ``Recipe``. ``Arithmetic`` holds the device, the schedule of mantissa
widths and the seed of the run; a device is the golden model, floating point, or anything with their ``matmul``. The
experiment is ``python -m golden.train``.
"""

from golden.train.arithmetic import Arithmetic, Diverged, product_seed
from golden.train.device import Device, FloatDevice, GoldenDevice
from golden.train.functions import Flatten, MaxPool, ReLU, softmax_cross_entropy
from golden.train.layers import Convolution, Linear
from golden.train.network import Network, convolutional, perceptron
from golden.train.optimizer import SGD
from golden.train.run import Data, History, Recipe, accuracy, train

__all__ = [
    "SGD",
    "Arithmetic",
    "Convolution",
    "Data",
    "Device",
    "Diverged",
    "Flatten",
    "FloatDevice",
    "GoldenDevice",
    "History",
    "Linear",
    "MaxPool",
    "Network",
    "ReLU",
    "Recipe",
    "accuracy",
    "convolutional",
    "perceptron",
    "product_seed",
    "softmax_cross_entropy",
    "train",
]
