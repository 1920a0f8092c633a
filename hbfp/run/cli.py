"""``hbfp run``: a network of a user's on a device."""

import argparse
import json
from argparse import Namespace
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import Progress

from hw.config import FEATURES, CoreConfig
from hw.files import check_outputs, write_files
from hw.options import CommandLineError, add_config_options, config_from_options

if TYPE_CHECKING:
    from hbfp.run.network import Network
    from hbfp.run.result import Result
    from sim.devices import Device

__all__ = ["DEVICES", "main"]

Arrays = dict[str, NDArray[Any]]
Labels = NDArray[np.integer]


DEVICES = ("golden", "cycle", "rtl", "board", "fp32")
"""Where products run; "fp32" is ONNX Runtime alone."""


def add_options(parser: argparse.ArgumentParser) -> None:
    """The command's options."""
    parser.add_argument("model", type=Path, metavar="MODEL.onnx", help="the network")
    parser.add_argument("--input", type=Path, metavar="FILE.npz", help="arrays by the names of the graph's inputs")
    parser.add_argument("--random", type=int, metavar="SEED", help="standard normal inputs of this seed, instead of --input")
    parser.add_argument("-o", "--output", type=Path, metavar="FILE.npz", help="the outputs, by the graph's names")
    parser.add_argument("--device", default="golden", metavar="KIND", help=f"of {', '.join(DEVICES)} (default golden)")
    parser.add_argument("--port", metavar="PORT", help="the board's serial port, for --device board")
    parser.add_argument("--operands", choices=("packed", "fp32"), default="packed",
                        help="what products' operands go to the device as: packed blocks, which the host makes, or FP32 words, "
                        "which the core converts; the same bits (default: packed; a board chooses)")  # fmt: skip
    group = parser.add_argument_group("mantissa widths (default: what the file says, else 4 bits)")
    group.add_argument("--schedule", metavar="NAME", help="booster, or all-W for a width W")
    group.add_argument("--widths", type=Path, metavar="FILE.json", help="an object of layers' names or patterns and widths")
    group = parser.add_argument_group("sizes of free extents")
    group.add_argument("--batch", type=int, metavar="N", help="the first axis of inputs (default 1)")
    group.add_argument("--sequence", type=int, metavar="N", help="the second axis of inputs of up to three")
    group.add_argument("--size", action="append", default=[], metavar="INPUT:AXIS=N|NAME=N", help="any other; repeatable")
    group = parser.add_argument_group("accuracy")
    group.add_argument("--labels", type=Path, metavar="FILE.npy", help="an integer per sample: says how many are right")
    group.add_argument("--search", type=float, metavar="ACCURACY", help="choose 4 or 6 bits per layer, so that this share "
                       "of the labels stays right at the fewest cycles; -o then writes a file for --widths")  # fmt: skip
    group = parser.add_argument_group("results")
    group.add_argument("--json", nargs="?", const="-", metavar="FILE", help="as JSON, to standard output or a file")
    group.add_argument("--csv", nargs="?", const="-", metavar="FILE", help="the layers as a table, likewise")
    group.add_argument("--allow-missing", action="store_true",
                       help="let ONNX Runtime compute products that cannot run on a device, under a warning")  # fmt: skip
    add_config_options(parser)


def _arrays(path: Path) -> Arrays:
    try:
        with np.load(path) as file:
            return {name: file[name] for name in file.files}
    except (OSError, ValueError, AttributeError) as error:
        raise ValueError(f"input must be an .npz file of arrays, not {path}: {error}") from None


def _labels(path: Path) -> Labels:
    try:
        labels = np.load(path)
    except (OSError, ValueError) as error:
        raise ValueError(f"labels must be an .npy file, not {path}: {error}") from None
    if not isinstance(labels, np.ndarray) or labels.ndim != 1 or labels.dtype.kind not in "iu":
        raise ValueError(f"labels must be one integer per sample, not {getattr(labels, 'dtype', 'several arrays')}")
    return labels


def _inputs(options: Namespace, network: "Network") -> Arrays:
    import onnx

    if (options.input is None) == (options.random is None):
        raise ValueError("input must be given: --input FILE.npz or --random SEED, one of them")
    if options.input is not None:
        return _arrays(options.input)
    rng = np.random.default_rng(options.random)
    inputs: Arrays = {}
    for value in network.inputs:
        kind = value.type.tensor_type
        shape = [extent.dim_value for extent in kind.shape.dim]
        if kind.elem_type != onnx.TensorProto.FLOAT or 0 in shape:
            raise ValueError(f"random makes float32 inputs of known shape; {value.name} needs --input")
        inputs[value.name] = rng.standard_normal(shape, np.float32)
    return inputs


def _config(options: Namespace, widths: Iterable[int]) -> CoreConfig:
    """The machine asked for, with what the network needs beside: its widths, where no other is said, blocks, a bias."""
    if options.mantissa == CoreConfig.mantissa_widths:
        options.mantissa = tuple(sorted(set(widths)))
    needed = {"bias"} | {"packed"} & {options.operands}
    options.features = tuple(name for name in FEATURES if name in needed.union(options.features))
    return config_from_options(options)


def _device(options: Namespace, widths: Iterable[int]) -> "Device":
    from sim.devices import CycleDevice, GoldenDevice, RtlDevice

    if options.device == "board":
        from sim.devices.driver import RegisterDevice
        from sim.devices.serial_link import SerialLink

        if not options.port:
            raise ValueError("port must be given with --device board: --port /dev/ttyUSB0")
        return RegisterDevice(SerialLink(options.port))
    config = _config(options, widths)
    if options.device == "golden":
        return GoldenDevice(config)
    if options.device == "cycle":
        return CycleDevice(config, operands=options.operands)
    return RtlDevice(config, operands=options.operands)


def _npz(arrays: Arrays) -> bytes:
    from io import BytesIO

    file = BytesIO()
    np.savez(file, **arrays)  # type: ignore[arg-type]  # NumPy types its keyword allow_pickle alone
    return file.getvalue()


def run_network(options: Namespace) -> int:
    """Run, report and write; 0."""
    from hbfp.run.network import Network
    from hbfp.run.widths import read_widths
    from sim.graphs.sizes import read_sizes

    if options.device not in DEVICES:
        raise ValueError(f"device must be one of {', '.join(DEVICES)}, not {options.device}")
    if options.schedule and options.widths:
        raise ValueError("schedule and widths must not be given both")
    if options.search is not None and not (options.labels and 0 <= options.search <= 1):
        raise ValueError("search must be an accuracy between 0 and 1, with --labels")
    check_outputs(*(Path(x) for x in (options.output, options.json, options.csv) if x and x != "-"))
    network = Network(options.model, options.batch, options.sequence, read_sizes(options.size), options.allow_missing)
    inputs = _inputs(options, network)
    labels = _labels(options.labels) if options.labels else None
    if options.device == "fp32":
        return _fp32(options, network, inputs, labels)
    if labels is not None and options.search is not None:
        return _search(options, network, inputs, labels)
    plan = read_widths(options.widths) if options.widths else options.schedule
    device = _device(options, network.widths(plan).values())
    with _progress() as report:
        result = network.run(inputs, device, plan, progress=report)
    return _report(options, result, device, labels, network.outputs[0])


def _fp32(options: Namespace, network: "Network", inputs: Arrays, labels: Labels | None) -> int:
    from hbfp.run.search import accuracy

    outputs = network.fp32(inputs)
    values: dict[str, Any] = {"device": "fp32"}
    if labels is not None:
        values["accuracy"] = accuracy(outputs[network.outputs[0]], labels)
    _write(options, _npz(outputs), values, [])
    if "-" not in (options.json, options.csv):
        print(", ".join(f"{name} {value}" for name, value in values.items()))
    return 0


def _search(options: Namespace, network: "Network", inputs: Arrays, labels: Labels) -> int:
    from hbfp.run.report import show_choice
    from hbfp.run.search import search
    from sim.devices import CycleDevice

    device = CycleDevice(_config(options, (4, 6)), operands=options.operands)
    with _progress() as report:
        choice = search(network, inputs, labels, device, options.search, progress=report)
    text = json.dumps(choice.widths, indent=1) + "\n"
    _write(options, text.encode(), asdict(choice), [asdict(step) for step in choice.steps])
    if "-" not in (options.json, options.csv):
        show_choice(_console(), choice)
    return 0


def _report(options: Namespace, result: "Result", device: "Device", labels: Labels | None, first: str) -> int:
    from hbfp.run.report import show, summary
    from hbfp.run.search import accuracy

    more = {"accuracy": accuracy(result.outputs[first], labels)} if labels is not None else {}
    values = summary(result, options.device, machine=device.config.to_dict(), **more)
    left_out = [{"name": name, "operation": "left to ONNX Runtime"} for name in result.missing]
    _write(options, _npz(result.outputs), values, [layer.to_dict() for layer in result.layers] + left_out)
    if "-" not in (options.json, options.csv):
        console = _console()
        show(console, result)
        for name, value in more.items():
            console.print(f"{name} {value:.2%}", highlight=False)
    return 0


def _write(options: Namespace, output: bytes, values: dict[str, Any], rows: list[dict[str, Any]]) -> None:
    """The files and what goes to standard output."""
    from sim.study.report import to_csv

    files: dict[Path, str | bytes] = {options.output: output} if options.output else {}
    texts: tuple[Callable[[], str], ...] = (lambda: json.dumps(values, indent=1) + "\n", lambda: to_csv(rows))
    for where, text in zip((options.json, options.csv), texts, strict=True):
        if where == "-":
            print(text(), end="")
        elif where:
            files[Path(where)] = text()
    write_files(files)


def _console() -> Console:
    console = Console()
    return console if console.is_terminal else Console(width=160)


@contextmanager
def _progress() -> Iterator[Callable[[int, int, str], None]]:
    """A progress bar as a function of what is done, of how much, and what comes."""
    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=None)
        yield lambda done, total, what: bar.update(task, completed=done, total=total, description=what)


def _main(options: Namespace) -> int:
    try:
        return run_network(options)
    except (ValueError, TypeError, OSError, ImportError) as error:
        raise CommandLineError(str(error)) from None


def main(arguments: list[str] | None = None) -> int:
    """Entry point; returns the exit status."""
    from hw.options import run

    return run("hbfp run", "Run a network with its matrix products on a device.", add_options, _main, arguments)
