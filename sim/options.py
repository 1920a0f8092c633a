"""The options of the command line."""

import argparse
from dataclasses import fields
from pathlib import Path

from hw.config import ACCUMULATORS, CoreConfig
from sim.network.memory import STORAGES
from sim.workloads import NETWORKS

__all__ = ["POINT", "parser"]

_DEFAULTS = {field.name: field.default for field in fields(CoreConfig)}
POINT = (
    *("schedule", "training", "batch", "sequence", "context", "sizes", "allow_missing"),
    *("mesh", "tile", "block", "dot", "interleave", "lanes"),
    *("operand_depth", "panel_columns", "queue_depth", "accumulator", "accumulator_cycles", "tree_cycles"),
    *("mantissa_widths", "ports", "port_rate"),
    *("bytes_per_cycle", "operands", "results", "patches"),
    *("data", "tensor", "cores_per_chip", "link", "link_latency", "overlap", "epochs", "samples"),
    *("synthesis", "library", "clock_mhz"),
)
"""Options that are a parameter of one machine, by the names of ``sim.study.explore.evaluate``."""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str):
        raise ValueError(message)


def _widths(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split(","))


def _axis(text: str) -> tuple[str, list[str]]:
    name, equals, values = text.partition("=")
    if not equals or not values:
        raise argparse.ArgumentTypeError(f"must be NAME=VALUE,VALUE,..., not {text!r}")
    name = name.strip().replace("-", "_")
    return {"bandwidth": "bytes_per_cycle"}.get(name, name), [value.strip() for value in values.split(",")]


_widths.__name__ = "list of widths"


_HELP = {
    "batch": "samples of a step (default 1)",
    "sequence": "tokens of a sample, for transformers",
    "context": "keys each token attends to, cached ones included (default: the sequence)",
    "mesh": "tiles",
    "tile": "units of a tile",
    "block": "elements that share an exponent",
    "dot": "products a unit makes per cycle (default: the block)",
    "interleave": "outputs a unit holds",
    "lanes": "elements per beat of an operand stream (default: up to 16)",
    "operand-depth": "blocks of a row in half an operand buffer",
    "panel-columns": "columns of C the result buffer gathers (default: the array's)",
    "queue-depth": "commands that wait",
    "accumulator-cycles": "register stages",
    "tree-cycles": "register stages",
    "operands": "how A and B are stored and come to the core (default fp32)",
    "results": "how C leaves it and is stored (default fp32)",
    "data": "groups of cores that share the batch",
    "tensor": "cores of a group, which share each weight matrix",
    "cores-per-chip": "which share its memory bandwidth",
    "json": "the whole report",
    "csv": "the table",
    "scale-sim": "SCALE-Sim's COMPUTE_REPORT.csv",
    "trace": "of one layer, for ui.perfetto.dev",
}


def _add(group, *names: str, **details) -> None:
    """Options with their help, and ``CoreConfig``'s defaults where they are its parameters."""
    for name in names:
        default = _DEFAULTS.get({"block": "block_size"}.get(name, name.replace("-", "_")))
        if name in ("mesh", "tile"):
            default = "x".join(str(_DEFAULTS[f"{name}_{axis}"]) for axis in ("rows", "columns"))
        text = _HELP[name] if default is None else f"{_HELP[name]} (default {default})"
        group.add_argument(f"--{name}", help=text, **details)


def parser() -> _Parser:
    """All options; those that are not given are None, so that only ``CoreConfig`` and others hold defaults."""
    description = "Cycles, traffic and bounds of a network on an HBFP machine."
    options = _Parser("python -m sim", allow_abbrev=False, description=description)
    number = {"type": int, "metavar": "N"}
    group = options.add_argument_group("network")
    networks = f"{', '.join(NETWORKS)}, a .csv topology or an .onnx graph"
    group.add_argument("--workload", metavar="NAME|FILE", help=networks)
    group.add_argument("--training", action="store_true", default=None, help="a training step instead of inference")
    group.add_argument("--schedule", help="mantissa widths: all-4 (default), all-6, all-W or booster")
    _add(group, "batch", "sequence", "context", **number)
    sizes = "of a free extent of a graph's inputs: --size x:2=224 or --size tokens=128; repeatable"
    group.add_argument("--size", dest="sizes", action="append", metavar="INPUT:AXIS=N|NAME=N", help=sizes)
    missing = "leave out operations of a graph that may hold products and are not known, under a warning"
    group.add_argument("--allow-missing", action="store_true", default=None, help=missing)
    group.add_argument("--epochs", **number, help="also the cycles of a whole training run")
    group.add_argument("--samples", **number, help="of an epoch (default: of the published data set)")
    group = options.add_argument_group("core")
    _add(group, "mesh", "tile", metavar="RxC")
    _add(group, "block", "dot", "interleave", "lanes", "operand-depth", "panel-columns", **number)
    _add(group, "queue-depth", "accumulator-cycles", "tree-cycles", **number)
    kinds = f"of {', '.join(ACCUMULATORS)} (default {_DEFAULTS['accumulator']})"
    group.add_argument("--accumulator", choices=ACCUMULATORS, help=kinds)
    widths = "widths commands can ask for (default: the schedule's; 6 alone builds 6-bit multipliers)"
    group.add_argument("--mantissa", dest="mantissa_widths", type=_widths, metavar="W,W", help=widths)
    group.add_argument("--ideal-ports", dest="ports", action="store_false", default=None, help="count the array alone")
    rate = "cycles in which each stream passes a beat, as a share such as 1/4 (default 1)"
    group.add_argument("--port-rate", metavar="SHARE", help=rate)
    group = options.add_argument_group("memory")
    bandwidth = "of a chip (default: never a bound)"
    group.add_argument("--bandwidth", dest="bytes_per_cycle", type=float, metavar="BYTES/CYCLE", help=bandwidth)
    _add(group, "operands", "results", choices=STORAGES)
    patches = "patches of convolutions are read unfolded (default), or unfolded on the chip"
    group.add_argument("--patches", choices=("streamed", "gathered"), help=patches)
    group = options.add_argument_group("several cores")
    _add(group, "data", "tensor", "cores-per-chip", **number)
    group.add_argument("--link", type=float, metavar="BYTES/CYCLE", help="of a core in the ring")
    group.add_argument("--link-latency", type=float, metavar="CYCLES", help="from core to core")
    group.add_argument("--overlap", action="store_true", default=None, help="exchange while computing")
    group = options.add_argument_group("silicon (left out where it is not known)")
    group.add_argument("--synthesis", metavar="FILE", help="area and clock from python -m synth density --json FILE")
    group.add_argument("--library", metavar="NAME", help="of these results, where they have several")
    group.add_argument("--clock", dest="clock_mhz", type=float, metavar="MHZ", help="instead of the synthesis results'")
    group = options.add_argument_group("output")
    _add(group, "json", "csv", "scale-sim", "trace", type=Path, metavar="FILE")
    group.add_argument("--plot", type=Path, metavar="FOLDER", help="utilization.png and roofline.png")
    group.add_argument("--layer", metavar="NAME", help="of the trace (default: the longest)")
    group.add_argument("--all-layers", action="store_true", help="do not merge products that cost the same")
    group = options.add_argument_group("several machines")
    group.add_argument("--compare", nargs=2, metavar=("A.json", "B.json"), help="two reports of --json")
    group.add_argument("--sweep", action="append", type=_axis, metavar="NAME=V,V", help="repeatable: every combination")
    group.add_argument("--workers", **number, help="processes of a sweep (default: the cores)")
    group.add_argument("--dask", metavar="ADDRESS", help="of a Dask scheduler, for a sweep")
    return options
