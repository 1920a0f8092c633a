"""Layers of a network as matrix products, which is all the array sees of them."""

from dataclasses import dataclass, field
from functools import cached_property

from sim.workloads.window import Window

__all__ = ["FORWARD", "INPUT_GRADIENT", "KINDS", "WEIGHT_GRADIENT", "Layer", "LayerProduct", "Workload", "convolution"]

FORWARD = "forward"
INPUT_GRADIENT = "input gradient"
WEIGHT_GRADIENT = "weight gradient"
KINDS = ("conv", "linear", "attention")


@dataclass(frozen=True)
class LayerProduct:
    """``repeats`` independent products C (m x n) = A (m x k) B (k x n).

    Attributes
    ----------
    stage
        FORWARD, INPUT_GRADIENT or WEIGHT_GRADIENT.
    m, k, n, repeats
        as above.
    tensors
        distinct elements behind all A's, all B's and all C's; fewer than m k, k n or m n times ``repeats`` where a
        matrix repeats the elements of its tensor, as the unfolded patches of a convolution do.
    window
        of a forward convolution, the kernel over the map whose patches each A is, where that is known.
    """

    stage: str
    m: int
    k: int
    n: int
    repeats: int
    tensors: tuple[int, int, int]
    window: Window | None = None

    @property
    def macs(self) -> int:
        """Multiply-accumulates."""
        return self.m * self.k * self.n * self.repeats


@dataclass(frozen=True)
class Layer:
    """One product of the forward pass, and what training makes of it.

    Parameters
    ----------
    name, kind
        kind is "conv" (patches unfolded to rows of A), "linear", or "attention" (both operands activations).
    m, k, n
        rows of A (samples times positions), reduction length, columns of B (outputs).
    repeats
        independent products of this shape: heads times batch, or the groups of a convolution.
    tied
        whether the weights are another layer's or an embedding's and are counted there.
    first, last
        whether a schedule treats it as a first or last layer of the network.
    input_gradient
        whether training needs the gradient of A; a layer that reads the data does not.
    input_elements
        distinct elements behind A, if fewer than m k ``repeats``.
    window
        of a convolution: the kernel over the map behind each A.

    Raises
    ------
    TypeError, ValueError
        naming the layer, the parameter and the rule.
    """

    name: str
    kind: str
    m: int
    k: int
    n: int
    repeats: int = 1
    tied: bool = False
    first: bool = False
    last: bool = False
    input_gradient: bool = True
    input_elements: int | None = None
    window: Window | None = None

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"{self.name}: kind must be one of {', '.join(KINDS)}, not {self.kind}")
        for name in ("m", "k", "n", "repeats"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int):
                raise TypeError(f"{self.name}: {name} must be an integer, not {value!r}")
            if value < 1:
                raise ValueError(f"{self.name}: {name} must be at least 1, not {value}")

    @property
    def weights(self) -> bool:
        """Whether the second operand is a parameter."""
        return self.kind != "attention"

    @property
    def parameters(self) -> int:
        """Weights that are counted at this layer."""
        return 0 if self.tied or not self.weights else self.k * self.n * self.repeats

    @property
    def macs(self) -> int:
        """Multiply-accumulates of the forward product."""
        return self.m * self.k * self.n * self.repeats

    def products(self, training: bool = False) -> tuple[LayerProduct, ...]:
        """The forward product and, for training, the gradients of its operands.

        Forward C = A B reduces over k; the gradient of A, dC B^T, over n; the gradient of B, A^T dC, over m. For a
        convolution dC B^T gives the gradient of the patches, which are summed into the input outside the array, so all
        three products have the same number of multiply-accumulates.
        """
        m, k, n, repeats = self.m, self.k, self.n, self.repeats
        a = m * k * repeats if self.input_elements is None else min(self.input_elements, m * k * repeats)
        if self.window is not None:
            a = min(a, self.window.reached * self.window.channels * repeats)
        b, c = k * n * repeats, m * n * repeats
        products = [LayerProduct(FORWARD, m, k, n, repeats, (a, b, c), self.window)]
        if training and self.input_gradient:
            products.append(LayerProduct(INPUT_GRADIENT, m, n, k, repeats, (c, b, a)))
        if training:
            products.append(LayerProduct(WEIGHT_GRADIENT, k, m, n, repeats, (a, c, b)))
        return tuple(products)


@dataclass(frozen=True, eq=False)
class Workload:
    """A network at one batch size.

    Attributes
    ----------
    name
        of the network.
    layers
        products in the order of the forward pass.
    batch
        samples of a step.
    other_parameters
        parameters that take part in no product: embeddings, biases, normalisation.
    samples
        samples of an epoch of the data set the network is published with, or None.
    not_modelled
        operations of the network that are not products, with their number (from graph readers).
    missing
        operations that may hold products and were left out because the user allowed it.
    """

    name: str
    layers: tuple[Layer, ...]
    batch: int = 1
    other_parameters: int = 0
    samples: int | None = None
    not_modelled: dict[str, int] = field(default_factory=dict)
    missing: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.layers:
            raise ValueError(f"{self.name} has no layer that is a matrix product")

    @cached_property
    def parameters(self) -> int:
        """All parameters of the network."""
        return sum(layer.parameters for layer in self.layers) + self.other_parameters

    @cached_property
    def macs(self) -> int:
        """Multiply-accumulates of one forward pass."""
        return sum(layer.macs for layer in self.layers)

    @cached_property
    def _products(self) -> dict[bool, tuple[tuple[Layer, LayerProduct], ...]]:
        forward = tuple((layer, layer.products()[0]) for layer in self.layers)
        backward = tuple((layer, p) for layer in reversed(self.layers) for p in layer.products(training=True)[1:])
        return {False: forward, True: forward + backward}

    def products(self, training: bool = False) -> tuple[tuple[Layer, LayerProduct], ...]:
        """(layer, product) in the order of execution: forward, then, for training, the gradients backwards."""
        return self._products[training]


def convolution(
    name: str,
    channels: int,
    filters: int,
    size: tuple[int, int],
    kernel: tuple[int, int],
    *,
    batch: int = 1,
    stride: int = 1,
    padding: int = 0,
    groups: int = 1,
    **flags: bool,
) -> tuple[Layer, tuple[int, int]]:
    """A convolution as a matrix product, and the height and width of its output.

    Row i of A is the patch under output position i: k = channels / groups x kernel height x kernel width.
    """
    window = Window(batch, channels // groups, size, kernel, (stride, stride), 4 * (padding,))
    height, width = window.out
    if height < 1 or width < 1:
        raise ValueError(f"{name}: kernel {kernel[0]}x{kernel[1]} is larger than its padded input {size[0]}x{size[1]}")
    layer = Layer(
        name,
        "conv",
        m=window.rows,
        k=channels // groups * kernel[0] * kernel[1],
        n=filters // groups,
        repeats=groups,
        input_elements=batch * channels * size[0] * size[1],
        window=window,
        **flags,
    )
    return layer, (height, width)
