"""One layer on a device, and the record of it."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

import golden
from hbfp.run.graphs.layers import LayerPlace
from hbfp.run.products import Array, compute
from hbfp.run.result import LayerResult
from sim.devices import Device
from sim.devices.job import Prepared
from sim.devices.jobs import Matrix
from sim.graphs.windows import Geometry

__all__ = ["run_layer"]


def run_layer(
    place: LayerPlace, inputs: list[Array], device: Device, width: int, rounding: str,
    products: Iterator[Prepared] | None = None,
) -> tuple[Array, LayerResult]:  # fmt: skip
    """A layer's result, and what it took. Products without an element are nothing to the device.

    Parameters
    ----------
    place
        the layer.
    inputs
        of its node, float32.
    device
        a machine that has the width.
    width
        mantissa width of both operands, bits.
    rounding
        into blocks.
    products
        the commands of its products, from a compiled program.

    Raises
    ------
    ValueError
        for a program that has fewer products than the layer asks for, or others; as of ``compute``.
    """
    before, macs, walked = device.counters, 0, False

    def on_device(product: Callable[..., Matrix], *operands: Any, bias: Array | None) -> Array:
        fused = bias is not None and "bias" in device.config.features
        prepared = next(products, None) if products is not None else None
        if products is not None and prepared is None:
            raise ValueError(f"layer {place.name}: the program has fewer products than it asks for")
        added = bias if fused else None
        c = product(*operands, width_a=width, width_b=width, rounding=rounding, bias=added, prepared=prepared)
        assert isinstance(c, np.ndarray)
        return c if fused or bias is None else golden.finish(c, bias)

    def multiply(a: Array, b: Array, bias: Array | None) -> Array:
        nonlocal macs
        macs += a.shape[0] * a.shape[1] * b.shape[1]
        if not a.size or not b.size:
            nothing = np.zeros((len(a), b.shape[1]), np.float32)
            return nothing if bias is None or not nothing.size else golden.finish(nothing, bias)
        return on_device(device.matmul, a, b, bias=bias)

    def convolve(x: Array, w: Array, bias: Array | None, geometry: Geometry) -> Array:
        nonlocal macs, walked
        c = on_device(device.convolve, x, w, *geometry, bias=bias)
        macs += len(c) * w.size
        walked |= device.walked
        return c

    result = compute(place.node, inputs, multiply, convolve)
    grown = {key: count - before.get(key, 0) for key, count in device.counters.items()}
    cycles = grown.get("cycles")
    busy = grown["busy"] / cycles if cycles else None
    lost = grown["saturated"], grown["flushed"]
    return result, LayerResult(place.name, place.node.op_type, width, macs, None, *lost, cycles, busy, walked)
