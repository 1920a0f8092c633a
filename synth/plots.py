"""Plots of the density report, as PNG and SVG."""

from pathlib import Path

import matplotlib

matplotlib.use("Agg")
from matplotlib import pyplot

from synth.density import Row

__all__ = ["plot_all"]

PARTS = ("core", "accumulator", "unit", "edge")
COLOURS = ("#355070", "#6d597a", "#b56576", "#eaac8b")


def _save(figure, folder: Path, name: str) -> str:
    figure.tight_layout()
    for suffix in ("png", "svg"):
        figure.savefig(folder / f"{name}.{suffix}", dpi=110, metadata={"Date": None} if suffix == "svg" else None)
    pyplot.close(figure)
    return name


def _tiles(rows: list[Row], library: str) -> list[Row]:
    return [r for r in rows if r.design.library == library and r.design.dot is None and r.design.rows == 4
            and r.design.cycles == 1 and "/" not in r.design.format]  # fmt: skip


def plot_all(rows: list[Row], folder: Path) -> list[str]:
    """Every plot the rows allow; returns their names."""
    folder.mkdir(parents=True, exist_ok=True)
    libraries = list(dict.fromkeys(row.design.library for row in rows))
    first = libraries[0]
    names = [_density(rows, libraries, folder), _breakdown(rows, first, folder)]
    blocks = [r for r in rows if r.design.library == first and r.design.dot is None and r.design.rows == 4
              and r.design.format.startswith("hbfp4") and "-" not in r.design.format]  # fmt: skip
    if len(blocks) > 2:
        names.append(_lines(
            "block_size", "block size N", folder,
            {"HBFP4": sorted((int((r.design.format + "/64").split("/")[1]), r.area) for r in blocks)},
        ))  # fmt: skip
    shapes = {}
    for r in rows:
        if r.design.library == first and r.design.format == "hbfp4" and r.design.cycles == 1:
            shapes.setdefault(f"{r.design.rows}x{r.design.columns} units", []).append((r.design.dot or 64, r.area))
    if sum(map(len, shapes.values())) > 2:
        names.append(_lines("dot_and_tile", "products per unit", folder, {k: sorted(v) for k, v in shapes.items()}))
    return names


def _density(rows, libraries, folder):
    figure, axes = pyplot.subplots(figsize=(9, 4.2))
    order = [r.design.format for r in sorted(_tiles(rows, libraries[0]), key=lambda r: r.area)]
    width = 0.8 / len(libraries)
    for place, library in enumerate(libraries):
        tiles = {r.design.format: r for r in _tiles(rows, library)}
        base = tiles.get("fp32") or max(tiles.values(), key=lambda r: r.area)
        axes.bar([i + place * width for i in range(len(order))],
                 [base.area / tiles[name].area if name in tiles else 0 for name in order],
                 width, label=library)  # fmt: skip
    axes.set_xticks([i + 0.4 for i in range(len(order))], order, rotation=60, ha="right")
    axes.set_yscale("log")
    axes.set_ylabel("density, FP32 = 1, equal clock")
    axes.legend(fontsize=8)
    return _save(figure, folder, "density")


def _breakdown(rows, library, folder):
    figure, axes = pyplot.subplots(figsize=(9, 4.2))
    tiles = sorted(_tiles(rows, library), key=lambda r: r.area)
    bottom = [0.0] * len(tiles)
    for part, colour in zip(PARTS, COLOURS, strict=True):
        values = [getattr(r, part) / r.area for r in tiles]
        axes.bar([r.design.format for r in tiles], values, bottom=bottom, label=part, color=colour)
        bottom = [b + v for b, v in zip(bottom, values, strict=True)]
    axes.tick_params(axis="x", rotation=60)
    axes.set_ylabel(f"share of a tile's area ({library})")
    axes.legend(fontsize=8)
    return _save(figure, folder, "breakdown")


def _lines(name, label, folder, series):
    figure, axes = pyplot.subplots(figsize=(6, 4))
    for title, points in series.items():
        axes.plot(*zip(*points, strict=True), marker="o", label=title)
    axes.set_xscale("log", base=2)
    axes.set_yscale("log")
    axes.set_xlabel(label)
    axes.set_ylabel("area per MAC")
    axes.legend(fontsize=8)
    return _save(figure, folder, name)
