"""Plots of the density report, as PNG and SVG."""

from collections.abc import Iterator
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
from matplotlib import pyplot
from matplotlib.figure import Figure

from synth.density.row import Row
from synth.density.sets import EQUAL_CLOCK, clocks_of
from synth.energy.measure import EnergyRow
from synth.energy.table import find
from synth.report.accuracy import DOCS, TRAINED, energy_rows, training_rows
from synth.report.claims import libraries_of
from synth.report.clocks import at_clock, best, curve

__all__ = ["plot_all"]

PARTS = ("core", "accumulator", "unit", "edge")
COLOURS = ("#355070", "#6d597a", "#b56576", "#eaac8b")


def _save(figure: Figure, folder: Path, name: str) -> str:
    figure.tight_layout()
    for suffix in ("png", "svg"):
        figure.savefig(folder / f"{name}.{suffix}", dpi=110, metadata={"Date": None} if suffix == "svg" else None)
    pyplot.close(figure)
    return name


def _tiles(rows: list[Row], library: str) -> dict[str, Row]:
    return {
        r.design.format: r
        for r in rows
        if r.design.usual and r.design.library == library and "/" not in r.design.format
    }


def plot_all(rows: list[Row], folder: Path, training: Path = DOCS) -> list[str]:
    """Every plot the rows (and the training results, if there are any) allow; returns their names."""
    folder.mkdir(parents=True, exist_ok=True)
    libraries = libraries_of(rows)
    first, names = libraries[0], []
    tiles = _tiles(rows, first)
    if tiles:
        names += [_density(rows, libraries, folder), _breakdown(tiles, first, folder)]
    curves = {name: curve(rows, first, name) for name in tiles if best(rows, first, name)}
    if curves:
        names.append(_clocks(curves, first, folder))
    if "hbfp4" in curves and len(curves) > 1:
        names.append(_ratios(rows, curves, first, folder))
    sizes = {f"HBFP{m}": sorted(_block_sizes(rows, first, m)) for m in (4, 6)}
    if any(len(points) > 2 for points in sizes.values()):
        names.append(_lines("block_size", "block size N", folder, sizes))
    shapes: dict[str, list[tuple[int, float]]] = {}
    for r in rows:
        d = r.design
        if (d.library, d.format, d.accounting, d.cycles, d.effort) == (first, "hbfp4", "tile", 1, "area"):
            shapes.setdefault(f"{d.rows}×{d.columns} units", []).append((d.dot or 64, r.area))
    if sum(map(len, shapes.values())) > 2:
        names.append(_lines("dot_and_tile", "products per unit", folder, {k: sorted(v) for k, v in shapes.items()}))
    accuracies: dict[str, dict[str, float]] = {}
    for results, row in training_rows(training):
        if TRAINED.get(row["format"]) in tiles:
            accuracies.setdefault(results["titles"][row["task"]], {})[row["format"]] = 100 * row["accuracy"]
    if any(len(points) > 1 for points in accuracies.values()):
        areas = {name: tiles[form].area for name, form in TRAINED.items() if form in tiles}
        costs = {f"area per MAC ({first})": areas, **_energies(first, energy_rows(training))}
        names.append(_accuracy(costs, accuracies, folder))
    return names


def _block_sizes(rows: list[Row], library: str, m: int) -> Iterator[tuple[int, float]]:
    for r in rows:
        base, _, size = r.design.format.partition("/")
        if r.design.usual and r.design.library == library and base == f"hbfp{m}":
            yield int(size or 64), r.area


def _density(rows: list[Row], libraries: list[str], folder: Path) -> str:
    figure, axes = pyplot.subplots(figsize=(9, 4.2))
    order = [name for name, _ in sorted(_tiles(rows, libraries[0]).items(), key=lambda item: item[1].area)]
    width = 0.8 / len(libraries)
    for place, library in enumerate(libraries):
        tiles = _tiles(rows, library)
        base = tiles.get("fp32") or max(tiles.values(), key=lambda r: r.area)
        axes.bar([i + place * width for i in range(len(order))],
                 [base.area / tiles[name].area if name in tiles else 0 for name in order],
                 width, label=library)  # fmt: skip
    axes.set_xticks([i + 0.4 for i in range(len(order))], order, rotation=60, ha="right")
    axes.set_yscale("log")
    axes.set_ylabel("density, FP32 = 1, each as small as it gets")
    axes.legend(fontsize=8)
    return _save(figure, folder, "density")


def _breakdown(tiles: dict[str, Row], library: str, folder: Path) -> str:
    figure, axes = pyplot.subplots(figsize=(9, 4.2))
    chosen = sorted(tiles.values(), key=lambda r: r.area)
    bottom = [0.0] * len(chosen)
    for part, colour in zip(PARTS, COLOURS, strict=True):
        values = [r.parts.get(part, 0) / r.area for r in chosen]
        axes.bar([r.design.format for r in chosen], values, bottom=bottom, label=part, color=colour)
        bottom = [b + v for b, v in zip(bottom, values, strict=True)]
    axes.tick_params(axis="x", rotation=60)
    axes.set_ylabel(f"share of a tile's area ({library})")
    axes.legend(fontsize=8)
    return _save(figure, folder, "breakdown")


def _clocks(curves: dict[str, list[Row]], library: str, folder: Path) -> str:
    """Area against period, a line per format; the densest tile of each is marked."""
    figure, axes = pyplot.subplots(figsize=(8, 5))
    for name, front in curves.items():
        line = axes.step([row.period or 0 for row in front], [row.area for row in front], where="post", label=name)[0]
        fast = max(front, key=lambda row: row.density)
        axes.scatter(fast.period or 0, fast.area, color=line.get_color(), zorder=3)
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlabel(f"period, ns ({library})")
    axes.set_ylabel("area per MAC")
    axes.legend(fontsize=8)
    return _save(figure, folder, "best_clock")


def _ratios(rows: list[Row], curves: dict[str, list[Row]], library: str, folder: Path) -> str:
    """Area of each format against HBFP4's, at equal clock."""
    figure, axes = pyplot.subplots(figsize=(8, 5))
    clocks = sorted({row.period for front in curves.values() for row in front if row.period})
    for name in curves:
        pairs = [(at_clock(rows, library, name, clock), at_clock(rows, library, "hbfp4", clock)) for clock in clocks]
        points = [(clock, theirs.area / mine.area) for clock, (theirs, mine) in zip(clocks, pairs, strict=True)
                  if theirs and mine]  # fmt: skip
        axes.step(*zip(*points, strict=True), where="post", label=name)
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlabel(f"clock of both, ns ({library})")
    axes.set_ylabel("area per MAC, HBFP4 = 1")
    axes.legend(fontsize=8)
    return _save(figure, folder, "equal_clock")


def _energies(library: str, rows: list[EnergyRow]) -> dict[str, dict[str, float]]:
    """Energies of the trained formats at the equal clock by the name of their axis, if any are published."""
    clock = clocks_of(library)[EQUAL_CLOCK]
    found = {name: find(rows, (library, clock), form, "digits", "inertial") for name, form in TRAINED.items()}
    energies = {name: row.energy for name, row in found.items() if row}
    return {f"fJ per MAC ({library}, {clock:g} ns)": energies} if energies else {}


def _accuracy(costs: dict[str, dict[str, float]], accuracies: dict[str, dict[str, float]], folder: Path) -> str:
    """Accuracy after training against what a MAC costs, a panel for each cost; one line per network."""
    figure, panels = pyplot.subplots(1, len(costs), figsize=(7.5 * len(costs), 5), sharey=True, squeeze=False)
    for axes, (label, cost) in zip(panels.flat, costs.items(), strict=True):
        for task, points in accuracies.items():
            order = sorted(points.keys() & cost.keys(), key=lambda name: (cost[name], name))
            axes.plot([cost[name] for name in order], [points[name] for name in order], marker="o", label=task)
        axes.set_xscale("log")
        axes.set_xlabel(label)
        for place, name in enumerate(sorted(cost, key=lambda name: (cost[name], name))):
            axes.axvline(cost[name], color="#ddd", zorder=0)
            low, side = (0.01, "bottom") if place % 2 else (0.99, "top")  # neighbours may be near
            axes.text(cost[name], low, name, rotation=90, fontsize=7, va=side, ha="right", transform=axes.get_xaxis_transform())
    panels[0, 0].set_ylabel("accuracy, %")
    panels[0, -1].legend(fontsize=7, loc="lower right", bbox_to_anchor=(1, 0.12))
    return _save(figure, folder, "accuracy_per_area")


def _lines(name: str, label: str, folder: Path, series: dict[str, list[tuple[int, float]]]) -> str:
    figure, axes = pyplot.subplots(figsize=(6, 4))
    for title, points in series.items():
        if points:
            axes.plot(*zip(*points, strict=True), marker="o", label=title)
    axes.set_xscale("log", base=2)
    axes.set_yscale("log")
    axes.set_xlabel(label)
    axes.set_ylabel("area per MAC")
    axes.legend(fontsize=8)
    return _save(figure, folder, name)
