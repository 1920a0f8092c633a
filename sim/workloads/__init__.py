"""Networks as lists of matrix products, from built-in tables, SCALE-Sim topologies and ONNX graphs."""

import inspect
from collections.abc import Callable
from functools import cache
from pathlib import Path

from golden.layers.schedule import WidthSchedule, schedule
from sim.workloads.attention import bert_base, gpt2_small, llama_7b, transformer_base
from sim.workloads.convolutional import cifar_resnet, densenet, resnet50
from sim.workloads.layer import FORWARD, INPUT_GRADIENT, WEIGHT_GRADIENT, Layer, LayerProduct, Workload

__all__ = [
    "FORWARD",
    "INPUT_GRADIENT",
    "NETWORKS",
    "WEIGHT_GRADIENT",
    "Layer",
    "LayerProduct",
    "WidthSchedule",
    "Workload",
    "load",
    "schedule",
]


def _resnet20(batch: int = 1, classes: int = 10, image: int = 32, shortcut: str = "pad") -> Workload:
    return cifar_resnet(20, batch, classes, image, shortcut)


def _resnet74(batch: int = 1, classes: int = 10, image: int = 32, shortcut: str = "pad") -> Workload:
    return cifar_resnet(74, batch, classes, image, shortcut)


def _densenet40(batch: int = 1, classes: int = 10, image: int = 32, initial_channels: int = 16) -> Workload:
    return densenet(40, 12, batch, classes, image, initial_channels)


NETWORKS: dict[str, Callable[..., Workload]] = {
    "resnet20": _resnet20,
    "resnet50": resnet50,
    "resnet74": _resnet74,
    "densenet40": _densenet40,
    "transformer-base": transformer_base,
    "bert-base": bert_base,
    "gpt2-small": gpt2_small,
    "llama-7b": llama_7b,
}
"""Builders of the built-in networks by name; each takes ``batch`` and what its signature says."""


def _options(name: str, builder: Callable[..., Workload], given: dict[str, object]) -> dict[str, object]:
    """The options that were given, checked against the builder's signature."""
    known = inspect.signature(builder).parameters
    for option in given:
        if option not in known:
            raise ValueError(f"{name} has no option {option}; it has {', '.join(known)}")
    for option, value in given.items():
        if isinstance(known[option].default, bool) or option == "sizes":
            continue
        if isinstance(known[option].default, int) or option in ("batch", "sequence", "context", "target"):
            if isinstance(value, bool) or not isinstance(value, int):
                raise TypeError(f"{option} must be an integer, not {value!r}")
            if value < 1:
                raise ValueError(f"{option} must be at least 1, not {value}")
    return given


@cache
def _builtin(name: str, options: tuple[tuple[str, object], ...]) -> Workload:
    return NETWORKS[name](**dict(options))


def load(source: str | Path, **options: object) -> Workload:
    """A workload by the name of a built-in network or the path of a .csv topology or .onnx graph.

    ``options`` are ``batch`` and, where the network has them, ``sequence``, ``context``, ``image``, ``classes`` and
    others; those that are None are left at their defaults.

    Raises
    ------
    FileNotFoundError
        if the file does not exist.
    ImportError
        if an ONNX graph is asked for and the package ``onnx`` is not installed.
    TypeError, ValueError
        for an unknown name or option, a bad value, or a malformed file.
    """
    options = {name: value for name, value in options.items() if value is not None}
    if str(source) in NETWORKS:
        name = str(source)
        return _builtin(name, tuple(sorted(_options(name, NETWORKS[name], options).items())))
    path = Path(source)
    read: Callable[..., Workload]
    if path.suffix == ".csv":
        from sim.workloads.scale_sim import read_topology as read
    elif path.suffix == ".onnx":
        from sim.graphs.read import read_graph as read
    else:
        raise ValueError(f"workload must be one of {', '.join(NETWORKS)}, a .csv or an .onnx file, not {source}")
    return read(path, **_options(path.name, read, options))
