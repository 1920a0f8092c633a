"""The options of the command line."""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import TypedDict

from hw.host.options import add_config_options
from hw.host.program import CommandLineError
from sim.network.energy import DRAM, PUBLISHED
from sim.network.memory import STORAGES
from sim.workloads import NETWORKS

__all__ = ["MACHINE", "POINT", "add_options"]

MACHINE = {"mantissa": "mantissa_widths", "rounding": "rounding_modes"}
"""Options of a machine that a point calls otherwise."""
POINT = (
    *("schedule", "training", "batch", "sequence", "context", "sizes", "allow_missing"),
    *("mesh", "tile", "tile_rows", "tile_columns", "mesh_rows", "mesh_columns", "block", "dot", "interleave", "lanes"),
    *("load_lines", "operand_depth", "panel_columns", "result_panels", "result_streams", "queue_depth", "accumulator",
      "accumulator_cycles", "tree_cycles", "datapath", "clock_gating"),
    *("mantissa", "rounding", "features", "exponent_width", "ports", "port_rate", "prefetch", "latency"),
    *("bytes_per_cycle", "operands", "results", "patches"),
    *("cores", "parallel", "data", "tensor", "cores_per_chip", "link", "link_latency", "overlap", "epochs", "samples"),
    *("synthesis", "energy", "dram_energy", "library", "clock_mhz"),
)
"""Options that are a parameter of one machine, by the names of ``sim.study.explore.evaluate`` but for ``MACHINE``."""


class _Number(TypedDict):
    type: Callable[[str], int]
    metavar: str


def _axis(text: str) -> tuple[str, list[str]]:
    name, equals, values = text.partition("=")
    if not equals or not values:
        raise CommandLineError(f"sweep must be NAME=VALUE,VALUE,..., not {text or 'nothing'}")
    name = name.strip().replace("-", "_")
    return {"bandwidth": "bytes_per_cycle"}.get(name, name), [value.strip() for value in values.split(",")]


def add_options(options: argparse.ArgumentParser) -> None:
    """All options; those that are not given are None, so that only ``CoreConfig`` and others hold defaults."""
    number: _Number = {"type": int, "metavar": "N"}
    group = options.add_argument_group("network")
    networks = f"{', '.join(NETWORKS)}, a .csv topology or an .onnx graph"
    group.add_argument("--workload", metavar="NAME|FILE", help=networks)
    group.add_argument("--training", action="store_true", default=None, help="a training step instead of inference")
    group.add_argument("--schedule", metavar="NAME", help="mantissa widths: all-4 (default), all-6, all-W or booster")
    group.add_argument("--batch", **number, help="samples of a step (default: 1, or the file's own)")
    group.add_argument("--sequence", **number, help="tokens of a sample, for transformers")
    group.add_argument("--context", **number, help="keys each token attends to, cached ones included (default: the sequence)")
    sizes = "of a free extent of a graph's inputs: --size x:2=224 or --size tokens=128; repeatable"
    group.add_argument("--size", dest="sizes", action="append", metavar="INPUT:AXIS=N|NAME=N", help=sizes)
    missing = "leave out operations of a graph that may hold products and are not known, under a warning"
    group.add_argument("--allow-missing", action="store_true", default=None, help=missing)
    group.add_argument("--epochs", **number, help="also the cycles of a whole training run")
    group.add_argument("--samples", **number, help="of an epoch (default: of the published data set)")
    add_config_options(options, unset=True)
    group = options.add_argument_group("ports and memory")
    group.add_argument("--ideal-ports", dest="ports", action="store_false", default=None, help="count the array alone")
    rate = "cycles in which each stream passes a beat, as a share such as 1/4 (default 1)"
    group.add_argument("--port-rate", metavar="SHARE", help=rate)
    ahead = "send ahead what needs no results of the products before, weights above all"
    group.add_argument("--prefetch", action="store_true", default=None, help=ahead)
    group.add_argument("--latency", **number, help="cycles that results take to come back as operands (default 0)")
    bandwidth = "of a chip (default: never a bound)"
    group.add_argument("--bandwidth", dest="bytes_per_cycle", type=float, metavar="BYTES/CYCLE", help=bandwidth)
    for name, text in (("operands", "how A and B are stored and come to the core"), ("results", "how C leaves it and is stored")):
        group.add_argument(f"--{name}", choices=STORAGES, help=f"{text} (default fp32)")
    patches = "patches of convolutions are read unfolded (default), or unfolded on the chip"
    group.add_argument("--patches", choices=("streamed", "gathered"), help=patches)
    group = options.add_argument_group("several cores")
    group.add_argument("--cores", **number, help="all of them, with --parallel: --link says how fast they are joined")
    group.add_argument("--parallel", metavar="data|tensor", help="what they share: the batch, or each weight matrix")
    group.add_argument("--data", **number, help="groups of cores that share the batch")
    group.add_argument("--tensor", **number, help="cores of a group, which share each weight matrix")
    group.add_argument("--cores-per-chip", **number, help="which share its memory bandwidth")
    group.add_argument("--link", type=float, metavar="BYTES/CYCLE", help="of a core in the ring")
    group.add_argument("--link-latency", type=float, metavar="CYCLES", help="from core to core")
    group.add_argument("--overlap", action="store_true", default=None, help="exchange while computing")
    group = options.add_argument_group("silicon (left out where it is not known)")
    group.add_argument("--synthesis", metavar="FILE", help="area and clock from hbfp synth density --json FILE")
    energy = "of the units, from hbfp synth energy --json FILE (default: the published ones), with memories'"
    group.add_argument("--energy", nargs="?", const=str(PUBLISHED), metavar="FILE", help=energy)
    dram = f"of memory off the chip (default {DRAM:g})"
    group.add_argument("--dram-energy", type=float, metavar="PJ/BYTE", help=dram)
    group.add_argument("--library", metavar="NAME", help="of these results, where they have several")
    group.add_argument("--clock", dest="clock_mhz", type=float, metavar="MHZ", help="instead of the synthesis results'")
    group = options.add_argument_group("results")
    for name, text in (("json", "the whole report as JSON"), ("csv", "the table as CSV")):
        group.add_argument(f"--{name}", nargs="?", const="-", metavar="FILE", help=f"{text}, to standard output or a file")
    group.add_argument("--scale-sim", type=Path, metavar="FILE", help="SCALE-Sim's COMPUTE_REPORT.csv")
    group.add_argument("--trace", type=Path, metavar="FILE", help="of one layer, for ui.perfetto.dev")
    group.add_argument("--plot", type=Path, metavar="FILE.png|FOLDER",
                       help="the roofline; or a folder for utilization.png and roofline.png")  # fmt: skip
    group.add_argument("--layer", metavar="NAME", help="of the trace (default: the longest)")
    group.add_argument("--all-layers", action="store_true", help="do not merge products that cost the same")
    group = options.add_argument_group("several machines")
    group.add_argument("--compare", nargs=2, metavar=("A.json", "B.json"), help="two reports of --json")
    group.add_argument("--sweep", action="append", type=_axis, metavar="NAME=V,V", help="repeatable: every combination")
    group.add_argument("--workers", **number, help="processes of a sweep, at most 256 (default: the cores)")
    group.add_argument("--dask", metavar="ADDRESS", help="of a Dask scheduler, for a sweep")
