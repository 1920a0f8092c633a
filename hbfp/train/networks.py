# Ref: K. He et al., "Deep Residual Learning for Image Recognition", CVPR 2016, section 4.2 (ResNet-20);
# A. Vaswani et al., "Attention Is All You Need", 2017.
"""The networks of the tasks, in plain PyTorch."""

from itertools import pairwise

import torch
from torch import nn
from torch.nn import functional

__all__ = ["CharacterTransformer", "ResNet", "RowLSTM", "convolutional", "perceptron", "resnet18"]


def perceptron(*sizes: int) -> nn.Sequential:
    """Linear layers with ReLU between them, on flattened inputs; He initialisation, biases of zero."""
    layers: list[nn.Module] = [nn.Flatten()]
    for inputs, outputs in pairwise(sizes):
        layers += [_initialized(nn.Linear(inputs, outputs)), nn.ReLU()]
    return nn.Sequential(*layers[:-1])


def convolutional(filters: tuple[int, ...], classes: int, side: int = 8) -> nn.Sequential:
    """3x3 convolutions of so many filters, each halved by pooling, and a linear layer; initialised as ``perceptron``."""
    layers: list[nn.Module] = []
    channels = 1
    for count in filters:
        layers += [_initialized(nn.Conv2d(channels, count, 3, padding=1)), nn.ReLU(), nn.MaxPool2d(2)]
        channels, side = count, side // 2
    return nn.Sequential(*layers, nn.Flatten(), _initialized(nn.Linear(side * side * channels, classes)))


def _initialized(layer: nn.Linear | nn.Conv2d) -> nn.Module:
    nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
    assert layer.bias is not None
    nn.init.zeros_(layer.bias)
    return layer


class Residual(nn.Module):
    """Two 3x3 convolutions with normalisation, beside the identity or a 1x1 convolution."""

    def __init__(self, channels: int, filters: int, stride: int):
        super().__init__()
        self.conv1 = nn.Conv2d(channels, filters, 3, stride, 1, bias=False)
        self.norm1 = nn.BatchNorm2d(filters)
        self.conv2 = nn.Conv2d(filters, filters, 3, 1, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(filters)
        same = stride == 1 and channels == filters
        self.shortcut = nn.Identity() if same else nn.Sequential(
            nn.Conv2d(channels, filters, 1, stride, bias=False), nn.BatchNorm2d(filters)
        )  # fmt: skip

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = functional.relu(self.norm1(self.conv1(x)))
        return functional.relu(self.norm2(self.conv2(y)) + self.shortcut(x))


class ResNet(nn.Module):
    """For small images.

    Parameters
    ----------
    widths
        filters of each stage; each but the first halves the image.
    depth
        residual blocks of a stage.
    channels, classes
        of the images.
    stride
        of the first convolution.
    """

    def __init__(self, widths: tuple[int, ...], depth: int, channels: int, classes: int, stride: int = 1):
        super().__init__()
        self.stem = nn.Conv2d(channels, widths[0], 3, stride, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(widths[0])
        blocks, before = [], widths[0]
        for stage, width in enumerate(widths):
            for number in range(depth):
                blocks.append(Residual(before, width, 2 if stage and not number else 1))
                before = width
        self.blocks = nn.Sequential(*blocks)
        self.head = nn.Linear(before, classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.blocks(functional.relu(self.norm(self.stem(x))))
        logits: torch.Tensor = self.head(y.mean((2, 3)))
        return logits


def resnet18(channels: int = 3, classes: int = 10) -> ResNet:
    """ResNet-18 for CIFAR-sized images."""
    return ResNet((64, 128, 256, 512), 2, channels, classes)


class RowLSTM(nn.Module):
    """Reads an image row by row."""

    def __init__(self, inputs: int, hidden: int, classes: int):
        super().__init__()
        self.lstm = nn.LSTM(inputs, hidden, batch_first=True)
        self.head = nn.Linear(hidden, classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.head(self.lstm(x.flatten(1, 2))[0][:, -1])
        return logits


class CharacterTransformer(nn.Module):
    """Predicts each next character; the head's weights are the embedding's.

    Parameters
    ----------
    alphabet
        number of characters.
    size, heads, layers
        of the encoder; its inner layers have four times the size.
    length
        longest text.
    """

    def __init__(self, alphabet: int, size: int, heads: int, layers: int, length: int):
        super().__init__()
        self.embedding = nn.Embedding(alphabet, size)
        self.positions = nn.Parameter(torch.randn(length, size) * 0.02)
        layer = nn.TransformerEncoderLayer(
            size, heads, 4 * size, dropout=0.0, activation="gelu", batch_first=True, norm_first=True
        )
        self.encoder = nn.TransformerEncoder(layer, layers, nn.LayerNorm(size), enable_nested_tensor=False)
        self.head = nn.Linear(size, alphabet, bias=False)
        nn.init.normal_(self.embedding.weight, std=0.02)
        self.head.weight = self.embedding.weight

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        length = x.shape[1]
        mask = nn.Transformer.generate_square_subsequent_mask(length)
        inputs = (self.embedding(x) + self.positions[:length]) * self.embedding.embedding_dim**0.5
        hidden = self.encoder(inputs, mask=mask, is_causal=True)
        logits: torch.Tensor = self.head(hidden)
        return logits
