# Ref: K. He et al., "Deep Residual Learning for Image Recognition", CVPR 2016; K. Simonyan and A. Zisserman, "Very Deep
# Convolutional Networks", ICLR 2015; M. Sandler et al., "MobileNetV2", CVPR 2018; H. Touvron et al., "Training
# Data-Efficient Image Transformers", ICML 2021 (ViT-Tiny's sizes).
"""Networks as users have them, in plain PyTorch: the shapes of the published ones, with random weights.

Where torchvision is installed, ``torchvision.models`` has the same convolutional networks, with trained weights.
"""

import torch
from torch import nn
from torch.nn import functional

__all__ = ["NETWORKS"]


def _conv(inputs, outputs, kernel=3, stride=1, groups=1, activation=nn.ReLU):
    layers = [nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=False), nn.BatchNorm2d(outputs)]
    return nn.Sequential(*layers, *([activation()] if activation else []))


class Residual(nn.Module):
    """A block of convolutions and the shortcut around them."""

    def __init__(self, body, shortcut=None, activation=True):
        super().__init__()
        self.body, self.shortcut, self.activation = body, shortcut or nn.Identity(), activation

    def forward(self, x):
        y = self.body(x) + self.shortcut(x)
        return functional.relu(y) if self.activation else y


def resnet(blocks, bottleneck=False, classes=1000):
    """ResNet-18 with blocks (2, 2, 2, 2), ResNet-50 with (3, 4, 6, 3) and bottlenecks."""
    layers, channels = [_conv(3, 64, 7, 2), nn.MaxPool2d(3, 2, 1)], 64
    for stage, count in enumerate(blocks):
        width = 64 << stage
        outputs = 4 * width if bottleneck else width
        for number in range(count):
            stride = 2 if stage and not number else 1
            if bottleneck:
                body = [_conv(channels, width, 1), _conv(width, width, 3, stride), _conv(width, outputs, 1, activation=None)]
            else:
                body = [_conv(channels, width, 3, stride), _conv(width, outputs, 3, activation=None)]
            change = stride > 1 or channels != outputs
            shortcut = _conv(channels, outputs, 1, stride, activation=None) if change else None
            layers.append(Residual(nn.Sequential(*body), shortcut))
            channels = outputs
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, classes))


def vgg11(classes=1000):
    """Eight convolutions and three layers behind them, as published, for images of any size."""
    layers, channels = [], 3
    for width, count in ((64, 1), (128, 1), (256, 2), (512, 2), (512, 2)):
        for _ in range(count):
            layers += [nn.Conv2d(channels, width, 3, padding=1), nn.ReLU()]
            channels = width
        layers.append(nn.MaxPool2d(2))
    head = [nn.Linear(512 * 49, 4096), nn.ReLU(), nn.Linear(4096, 4096), nn.ReLU(), nn.Linear(4096, classes)]
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(7), nn.Flatten(), *head)


def mobilenet_v2(classes=1000):
    """Inverted residuals with depthwise convolutions."""
    layers, channels = [_conv(3, 32, 3, 2, activation=nn.ReLU6)], 32
    for factor, width, count, stride in (
        (1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1),
    ):  # fmt: skip
        for number in range(count):
            inner, step = channels * factor, stride if number == 0 else 1
            body = [_conv(channels, inner, 1, activation=nn.ReLU6)] if factor > 1 else []
            body += [_conv(inner, inner, 3, step, inner, nn.ReLU6), _conv(inner, width, 1, activation=None)]
            body = nn.Sequential(*body)
            layers.append(Residual(body, activation=False) if step == 1 and channels == width else body)
            channels = width
    layers.append(_conv(channels, 1280, 1, activation=nn.ReLU6))
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(1280, classes))


class Attention(nn.Module):
    """Self-attention; with ``past``, keys and values of earlier tokens come first and all are given back."""

    def __init__(self, width, heads, causal=False):
        super().__init__()
        self.heads, self.causal = heads, causal
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)

    def forward(self, x, past=None):
        batch, tokens, width = x.shape
        parts = self.qkv(x).reshape(batch, tokens, 3, self.heads, width // self.heads).permute(2, 0, 3, 1, 4)
        q, k, v = parts[0], parts[1], parts[2]
        if past is not None:
            k, v = torch.cat([past[0], k], 2), torch.cat([past[1], v], 2)
        scores = q @ k.transpose(-1, -2) * (width // self.heads) ** -0.5
        if self.causal:
            keys = k.shape[2]
            hidden = torch.ones(tokens, keys).triu(keys - tokens + 1).bool()
            scores = scores.masked_fill(hidden, float("-inf"))
        y = (scores.softmax(-1) @ v).transpose(1, 2).reshape(batch, tokens, width)
        return self.out(y), (k, v)


class Block(nn.Module):
    """A transformer's block, normalised in front."""

    def __init__(self, width, heads, causal=False):
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attention = Attention(width, heads, causal)
        self.mlp = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))

    def forward(self, x, past=None):
        y, past = self.attention(self.norm1(x), past)
        x = x + y
        return x + self.mlp(self.norm2(x)), past


class VisionTransformer(nn.Module):
    """ViT-Tiny: patches of 16, twelve blocks of width 192 with three heads."""

    def __init__(self, image=64, patch=16, width=192, depth=12, heads=3, classes=1000):
        super().__init__()
        self.patches = nn.Conv2d(3, width, patch, patch)
        self.token = nn.Parameter(torch.zeros(1, 1, width))
        self.places = nn.Parameter(torch.randn(1, (image // patch) ** 2 + 1, width) * 0.02)
        self.blocks = nn.ModuleList(Block(width, heads) for _ in range(depth))
        self.norm, self.head = nn.LayerNorm(width), nn.Linear(width, classes)

    def forward(self, x):
        x = self.patches(x).flatten(2).transpose(1, 2)
        x = torch.cat([self.token.expand(len(x), -1, -1), x], 1) + self.places
        for block in self.blocks:
            x, _ = block(x)
        return self.head(self.norm(x)[:, 0])


class CachedBlock(nn.Module):
    """One block of a GPT with its cache of keys and values as inputs and outputs."""

    def __init__(self, width=256, heads=4):
        super().__init__()
        self.block = Block(width, heads, causal=True)

    def forward(self, x, keys, values):
        y, (keys, values) = self.block(x, (keys, values))
        return y, keys, values


class Recurrent(nn.Module):
    """An LSTM over a sequence, and a layer on its last state."""

    def __init__(self, width=32, hidden=64, classes=10):
        super().__init__()
        self.lstm, self.head = nn.LSTM(width, hidden), nn.Linear(hidden, classes)

    def forward(self, x):
        return self.head(self.lstm(x)[0][-1])


NETWORKS = {
    "resnet18": (lambda: resnet((2, 2, 2, 2)), {"image": (1, 3, 64, 64)}),
    "resnet50": (lambda: resnet((3, 4, 6, 3), bottleneck=True), {"image": (1, 3, 64, 64)}),
    "mobilenet_v2": (mobilenet_v2, {"image": (1, 3, 64, 64)}),
    "vgg11": (vgg11, {"image": (1, 3, 64, 64)}),
    "vit_tiny": (VisionTransformer, {"image": (1, 3, 64, 64)}),
    "gpt_block": (CachedBlock, {"x": (1, 4, 256), "keys": (1, 4, 12, 64), "values": (1, 4, 12, 64)}),
    "lstm": (Recurrent, {"sequence": (6, 2, 32)}),
}
"""Makers of networks, and the names and shapes of their inputs."""
