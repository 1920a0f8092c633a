"""Networks and their layers under their roofs: ``python -m bench.roofline [-o FILE.png] [--json FILE]``; blocks, 4 bits."""

import argparse
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from bench.networks import MACHINE, RATES, bounded
from hw.host.files import write_files
from sim.network.bounds import port_width
from sim.study.plot import add_roofs, png
from sim.workloads import NETWORKS

__all__ = ["draw", "points"]

Point = dict[str, Any]
COLOURS = ("#0072b2", "#e69f00", "#56b4e9", "#f0e442", "#cc79a7", "#d55e00", "#009e73", "#000000")
"""Distinguishable with any colour vision (the set of Okabe and Ito)."""


def points(network: str) -> list[Point]:
    """A network in each mode and batch, layer None, and the layers of each."""
    found: list[Point] = []
    for training in (False, True):
        for batch in (1, 16):
            result = bounded(network, training, batch)
            of = {"network": network, "mode": "training step" if training else "inference", "batch": batch}
            names = ("macs", "cycles", "compute_bound", "port_bound", "times_bound", "operations_per_byte")
            found += [
                of | {key: values.get(key) for key in ("layer", "stage", "count")} | {name: values[name] for name in names}
                for values in (result.summary(), *result.records())
            ]
    return found


def draw(found: Iterable[Point], networks: Iterable[str] = NETWORKS) -> bytes:
    """Networks beside layers, as PNG."""
    figure = Figure(figsize=(12, 5), layout="constrained")
    whole, single = figure.subplots(1, 2)
    colours = dict(zip(networks, COLOURS, strict=False))
    for point in found:
        of_network = point["layer"] is None
        filled = colours[point["network"]] if point["mode"] == "inference" else "none"
        size = 70 if point["batch"] == 16 else 25
        (whole if of_network else single).scatter(
            point["operations_per_byte"], point["macs"] / point["cycles"], size if of_network else 8,
            facecolors=filled, edgecolors=colours[point["network"]], linewidths=1.2 if of_network else 0.5,
        )  # fmt: skip
    for axes, title in ((whole, "networks"), (single, "their layers")):
        add_roofs(axes, {"4 bits": MACHINE.macs_per_cycle}, port_width(MACHINE, RATES) / 8)
        axes.set_title(title)
    for network, colour in colours.items():
        whole.scatter([], [], 25, color=colour, label=network)
    whole.scatter([], [], 25, facecolors="none", edgecolors="grey", label="hollow: training step")
    whole.scatter([], [], 70, color="grey", label="large: batch 16")
    whole.legend(fontsize=8, loc="lower right")
    return png(figure)


def main(arguments: list[str] | None = None) -> None:
    """Draw the plot, and write what is in it."""
    parser = argparse.ArgumentParser(prog="python -m bench.roofline", description=__doc__)
    parser.add_argument("-o", "--output", type=Path, default=Path("docs/roofline.png"), metavar="FILE.png", help="the plot")
    parser.add_argument("--json", type=Path, metavar="FILE", help="the points")
    parser.add_argument("--networks", default=",".join(NETWORKS), metavar="NAMES", help="which (default: all)")
    options = parser.parse_args(arguments)
    networks = options.networks.split(",")
    found: list[Point] = []
    for network in networks:
        found += points(network)
        print(f"{network}: done", flush=True)
    files: dict[Path, str | bytes] = {options.output: draw(found, networks)}
    if options.json:
        files[options.json] = json.dumps(found, indent=1) + "\n"
    write_files(files)


if __name__ == "__main__":
    main()
