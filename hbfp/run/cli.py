"""``hbfp run``: a user's network on a device."""

import argparse
import json
from argparse import Namespace
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from rich.console import Console

from hbfp.run.arrays import Arrays, Labels, read_inputs, read_labels
from hbfp.run.options import add_network_options, machine_of, open_network, plan_of, progress_bar
from hw.config import CoreConfig
from hw.host.files import check_outputs, write_files
from hw.host.options import add_config_options, config_from_options
from hw.host.program import CommandLineError, Failure, put, run

if TYPE_CHECKING:
    from hbfp.run.network import Network
    from hbfp.run.result import Result
    from hbfp.run.widths import Plan
    from sim.devices import Device

__all__ = ["DEVICES", "main"]


DEVICES = ("golden", "cycle", "rtl", "board", "fp32")
"""Where products run; "fp32" is ONNX Runtime alone."""


def add_options(parser: argparse.ArgumentParser) -> None:
    """The command's options."""
    parser.add_argument("model", type=Path, metavar="MODEL.onnx|FILE.hbfp", help="the network, or a program of hbfp compile")
    parser.add_argument("--input", type=Path, metavar="FILE.npz", help="arrays by the names of the graph's inputs")
    parser.add_argument("--random", type=int, metavar="SEED", help="standard normal inputs of this seed, instead of --input")
    parser.add_argument("-o", "--output", type=Path, metavar="FILE.npz", help="the outputs, by the graph's names")
    parser.add_argument("--device", default="golden", metavar="KIND", help=f"of {', '.join(DEVICES)} (default golden)")
    parser.add_argument("--port", metavar="PORT", help="the board's serial port, for --device board")
    parser.add_argument("--port-rate", metavar="SHARE",
                        help="of cycles, in which a stream of --device cycle or rtl passes a beat: 1/8 (default 1)")  # fmt: skip
    parser.add_argument("--cores", type=int, metavar="N", help="devices of this kind, each with a part of the --batch")
    add_network_options(parser)
    group = parser.add_argument_group("accuracy")
    group.add_argument("--labels", type=Path, metavar="FILE.npy", help="an integer per sample: says how many are right")
    group.add_argument("--search", type=float, metavar="ACCURACY", help="choose 4 or 6 bits per layer, so that this share "
                       "of the labels stays right at the fewest cycles; -o then writes a file for --widths")  # fmt: skip
    group = parser.add_argument_group("results")
    group.add_argument("--json", nargs="?", const="-", metavar="FILE", help="as JSON, to standard output or a file")
    group.add_argument("--csv", nargs="?", const="-", metavar="FILE", help="the layers as a table, likewise")
    add_config_options(parser)


def _inputs(options: Namespace, network: "Network") -> Arrays:
    import onnx

    if (options.input is None) == (options.random is None):
        raise ValueError("input must be given: --input FILE.npz or --random SEED, one of them")
    if options.input is not None:
        return read_inputs(options.input)
    rng = np.random.default_rng(options.random)
    inputs: Arrays = {}
    for value in network.inputs:
        kind = value.type.tensor_type
        shape = [extent.dim_value for extent in kind.shape.dim]
        if kind.elem_type != onnx.TensorProto.FLOAT or 0 in shape:
            raise ValueError(f"random makes float32 inputs of known shape; {value.name} needs --input")
        inputs[value.name] = rng.standard_normal(shape, np.float32)
    return inputs


def _check_device(options: Namespace) -> None:
    """Refuse options that say nothing for the device."""
    if options.device == "board" and not options.port:
        raise ValueError("port must be given with --device board: --port /dev/ttyUSB0")
    if options.port and options.device != "board":
        raise ValueError(f"port is of --device board, not {options.device}")
    if options.port_rate is not None and options.device not in ("cycle", "rtl"):
        raise ValueError(f"port_rate is of --device cycle or rtl, not {options.device}")
    if options.device == "fp32":
        for name in ("schedule", "widths", "search"):
            if getattr(options, name) is not None:
                raise ValueError(f"{name} needs a device with mantissas, not fp32")


def _device(options: Namespace, config: CoreConfig) -> "Device":
    from sim.devices import CycleDevice, GoldenDevice, RtlDevice
    from sim.model import Rates

    rates = Rates.even(options.port_rate or 1)
    if options.device == "board":
        from sim.devices.driver import RegisterDevice
        from sim.devices.serial_link import SerialLink

        return RegisterDevice(SerialLink(options.port))
    if options.device == "golden":
        return GoldenDevice(config)
    if options.device == "cycle":
        return CycleDevice(config, rates, options.operands)
    return RtlDevice(config, rates, operands=options.operands)


def _npz(arrays: Arrays) -> bytes:
    from io import BytesIO

    file = BytesIO()
    np.savez(file, **arrays)  # type: ignore[arg-type]  # NumPy types its keyword allow_pickle alone
    return file.getvalue()


def run_network(options: Namespace) -> int:
    """Run, report and write; 0."""
    from hbfp.program.file import is_program

    if options.device not in DEVICES:
        raise ValueError(f"device must be one of {', '.join(DEVICES)}, not {options.device}")
    if options.search is not None and not (options.labels and 0 <= options.search <= 1):
        raise ValueError("search must be an accuracy between 0 and 1, with --labels")
    _check_device(options)
    check_outputs(*(Path(x) for x in (options.output, options.json, options.csv) if x and x != "-"))
    if is_program(options.model):
        return _run_program(options)
    plan = plan_of(options)
    if options.cores is not None:
        return _run_parts(options, plan)
    network = open_network(options)
    inputs = _inputs(options, network)
    labels = read_labels(options.labels) if options.labels else None
    if options.device == "fp32":
        return _fp32(options, network, inputs, labels)
    if labels is not None and options.search is not None:
        return _search(options, network, inputs, labels)
    device = _device(options, machine_of(options, network.widths(plan).values()))
    with progress_bar() as report:
        result = network.run(inputs, device, plan, progress=report)
    return _report(options, result, device, labels, network.outputs[0])


def _run_parts(options: Namespace, plan: "Plan | None") -> int:
    """The same on several devices."""
    from hbfp.run.many.parallel import part_of_batch, run_parts

    if options.device in ("board", "fp32") or options.search is not None or options.input is None:
        raise ValueError("cores needs an --input and a device of golden, cycle or rtl, and no search")
    options.batch = part_of_batch(options.batch, options.cores)
    network, inputs = open_network(options), read_inputs(options.input)
    labels = read_labels(options.labels) if options.labels else None
    config = machine_of(options, network.widths(plan).values())
    devices = [_device(options, config) for _ in range(options.cores)]
    with progress_bar() as report:
        result = run_parts(network, inputs, devices, plan, report)
    return _report(options, result, devices[0], labels, network.outputs[0])


def _run_program(options: Namespace) -> int:
    """The same for a program of ``hbfp compile``, which brings its machine, widths and commands."""
    from hbfp.program.execute import check_machine, opened
    from hbfp.program.file import read_program

    given = [name for name in ("schedule", "widths", "search", "batch", "sequence", "cores") if getattr(options, name) is not None]
    if given or options.size or config_from_options(options) != CoreConfig() or options.device == "fp32":
        name = given[0] if given else "size" if options.size else "device fp32" if options.device == "fp32" else "machine"
        raise ValueError(f"{name} must not be given with a program, which was compiled for its own")
    program = read_program(options.model)
    options.operands = program.operands
    labels = read_labels(options.labels) if options.labels else None
    with opened(program, options.allow_missing) as (network, widths, commands):
        inputs = _inputs(options, network)
        device = _device(options, program.machine)
        check_machine(program.machine, device.config)
        with progress_bar() as report:
            result = network.run(inputs, device, widths, progress=report, compare=False, commands=commands)
        return _report(options, result, device, labels, network.outputs[0])


def _fp32(options: Namespace, network: "Network", inputs: Arrays, labels: Labels | None) -> int:
    from hbfp.run.many.search import accuracy

    outputs = network.fp32(inputs)
    values: dict[str, Any] = {"device": "fp32"}
    if labels is not None:
        values["accuracy"] = accuracy(outputs[network.outputs[0]], labels)
    _write(options, _npz(outputs), values, [])
    if "-" not in (options.json, options.csv):
        print(", ".join(f"{name} {value}" for name, value in values.items()))
    return 0


def _search(options: Namespace, network: "Network", inputs: Arrays, labels: Labels) -> int:
    from hbfp.run.many.search import search
    from hbfp.run.report import show_choice
    from sim.devices import CycleDevice

    device = CycleDevice(machine_of(options, (4, 6)), operands=options.operands)
    with progress_bar() as report:
        choice = search(network, inputs, labels, device, options.search, progress=report)
    text = json.dumps(choice.widths, indent=1) + "\n"
    _write(options, text.encode(), asdict(choice), [asdict(step) for step in choice.steps])
    if "-" not in (options.json, options.csv):
        show_choice(_console(), choice)
    return 0


def _report(options: Namespace, result: "Result", device: "Device", labels: Labels | None, first: str) -> int:
    from hbfp.run.many.search import accuracy
    from hbfp.run.report import show, summary

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
            put(text())
        elif where:
            files[Path(where)] = text()
    write_files(files)


def _console() -> Console:
    console = Console()
    return console if console.is_terminal else Console(width=160)


def _main(options: Namespace) -> int:
    from sim.devices.driver import DriverError
    from sim.devices.serial_link import LinkError
    from sim.rtl.library import RtlError

    try:
        return run_network(options)
    except (ValueError, TypeError, OSError, ImportError) as error:
        raise CommandLineError(str(error)) from None
    except (RtlError, LinkError, DriverError) as error:
        raise Failure(str(error)) from None


def main(arguments: list[str] | None = None) -> int:
    """Entry point; returns the exit status."""
    return run("hbfp run", "Run a network with its matrix products on a device.", add_options, _main, arguments)
