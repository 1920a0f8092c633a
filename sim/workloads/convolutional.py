# Ref: K. He et al., "Deep Residual Learning for Image Recognition", CVPR 2016, tables 1 and 6, section 4.2.
# Ref: G. Huang et al., "Densely Connected Convolutional Networks", CVPR 2017, section 3 and table 2.
"""Residual and dense convolutional networks, layer by layer."""

from sim.workloads.layer import Layer, Workload, convolution

__all__ = ["CIFAR_SAMPLES", "IMAGENET_SAMPLES", "cifar_resnet", "densenet", "resnet50"]

CIFAR_SAMPLES = 50_000
IMAGENET_SAMPLES = 1_281_167


class _Stack:
    """Layers in order, and the shape of what the last one made."""

    def __init__(self, batch: int, channels: int, size: int):
        self.batch = batch
        self.channels = channels
        self.size = (size, size)
        self.layers: list[Layer] = []
        self.other_parameters = 0

    def convolve(self, name: str, filters: int, taps: int, stride: int = 1, *, follow: bool = True, **flags: bool) -> None:
        """Append a convolution with 'same' padding and no bias; ``follow=False`` leaves the shape for a shortcut."""
        layer, size = convolution(
            name,
            self.channels,
            filters,
            self.size,
            (taps, taps),
            batch=self.batch,
            stride=stride,
            padding=taps // 2,
            **flags,
        )
        self.layers.append(layer)
        if follow:
            self.channels, self.size = filters, size

    def normalise(self, channels: int | None = None) -> None:
        """Count a batch normalisation: a gain and a bias per channel."""
        self.other_parameters += 2 * (self.channels if channels is None else channels)

    def pool(self) -> None:
        """Halve height and width."""
        self.size = (self.size[0] // 2, self.size[1] // 2)

    def classify(self, classes: int) -> None:
        """Append the last, fully connected layer, which has a bias."""
        self.layers.append(Layer("fc", "linear", self.batch, self.channels, classes, last=True))
        self.other_parameters += classes

    def workload(self, name: str, samples: int) -> Workload:
        return Workload(name, tuple(self.layers), self.batch, self.other_parameters, samples)


def cifar_resnet(depth: int, batch: int = 1, classes: int = 10, image: int = 32, shortcut: str = "pad") -> Workload:
    """Residual network for CIFAR: 6n + 2 layers in three stages of 16, 32 and 64 channels.

    ``shortcut`` "pad" is the publication's, without parameters (option A); "projection" (option B) adds a 1x1
    convolution with batch normalisation where the number of channels grows.
    """
    if depth < 8 or (depth - 2) % 6:
        raise ValueError(f"depth must be 6n + 2 with n at least 1, not {depth}")
    if shortcut not in ("pad", "projection"):
        raise ValueError(f"shortcut must be pad or projection, not {shortcut}")
    stack = _Stack(batch, 3, image)
    stack.convolve("conv1", 16, 3, first=True, input_gradient=False)
    stack.normalise()
    for stage, filters in enumerate((16, 32, 64), start=2):
        for block in range(1, (depth - 2) // 6 + 1):
            grows = filters != stack.channels
            if grows and shortcut == "projection":
                stack.convolve(f"conv{stage}_{block}_shortcut", filters, 1, 2, follow=False)
                stack.normalise(filters)
            for position, stride in (("a", 2 if grows else 1), ("b", 1)):
                stack.convolve(f"conv{stage}_{block}{position}", filters, 3, stride)
                stack.normalise()
    stack.classify(classes)
    return stack.workload(f"resnet{depth}", CIFAR_SAMPLES)


def resnet50(batch: int = 1, classes: int = 1000, image: int = 224, stride_in: str = "3x3") -> Workload:
    """Residual network of 50 layers for ImageNet: bottlenecks 3, 4, 6, 3 deep.

    ``stride_in`` tells which convolution of a bottleneck halves the size: the "1x1" of the publication, or the "3x3" of
    what everybody trains, known as version 1.5.
    """
    if stride_in not in ("1x1", "3x3"):
        raise ValueError(f"stride_in must be 1x1 or 3x3, not {stride_in}")
    stack = _Stack(batch, 3, image)
    stack.convolve("conv1", 64, 7, 2, first=True, input_gradient=False)
    stack.normalise()
    stack.pool()
    for stage, (blocks, width) in enumerate(((3, 64), (4, 128), (6, 256), (3, 512)), start=2):
        for block in range(1, blocks + 1):
            stride = 2 if block == 1 and stage > 2 else 1
            if block == 1:
                stack.convolve(f"conv{stage}_{block}_shortcut", 4 * width, 1, stride, follow=False)
                stack.normalise(4 * width)
            for position, filters, taps in (("a", width, 1), ("b", width, 3), ("c", 4 * width, 1)):
                halves = position == ("a" if stride_in == "1x1" else "b")
                stack.convolve(f"conv{stage}_{block}{position}", filters, taps, stride if halves else 1)
                stack.normalise()
    stack.classify(classes)
    return stack.workload("resnet50", IMAGENET_SAMPLES)


def densenet(
    depth: int = 40,
    growth: int = 12,
    batch: int = 1,
    classes: int = 10,
    image: int = 32,
    initial_channels: int = 16,
) -> Workload:
    """Dense network for CIFAR: three blocks of (depth - 4) / 3 layers without bottlenecks, ``growth`` channels each."""
    if depth < 7 or (depth - 4) % 3:
        raise ValueError(f"depth must be 3n + 4 with n at least 1, not {depth}")
    stack = _Stack(batch, 3, image)
    stack.convolve("conv1", initial_channels, 3, first=True, input_gradient=False)
    for block in range(1, 4):
        for layer in range(1, (depth - 4) // 3 + 1):
            channels = stack.channels
            stack.normalise()
            stack.convolve(f"dense{block}_{layer}", growth, 3)
            stack.channels = channels + growth
        stack.normalise()
        if block < 3:
            stack.convolve(f"transition{block}", stack.channels, 1)
            stack.pool()
    stack.classify(classes)
    return stack.workload(f"densenet{depth}", CIFAR_SAMPLES)
