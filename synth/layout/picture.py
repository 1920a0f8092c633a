"""A picture of a layout: every cell in its place, coloured by the part of the machine it belongs to."""

import json
from math import ceil
from pathlib import Path

from synth.density.accounting import category_of

__all__ = ["draw"]

COLOURS = {"core": "#4c78a8", "accumulator": "#e45756", "unit": "#f2cf5b", "edge": "#54a24b", "control": "#9d755d"}
ACROSS = 3
NAMES = {"core": "products and their sum", "accumulator": "accumulators", "unit": "units' own", "edge": "operand registers, drain",
         "control": "control"}  # fmt: skip


def draw(layouts: dict[str, Path], path: Path) -> None:
    """Draw layouts, three in a row, to one scale.

    Parameters
    ----------
    layouts
        file of each, as ``measure_layout`` keeps it, by its title.
    path
        PNG or SVG.
    """
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt
    from matplotlib.collections import PolyCollection
    from matplotlib.patches import Patch, Rectangle

    known = {title: json.loads(file.read_text()) for title, file in layouts.items()}
    widest = max(side for layout in known.values() for side in layout["size"])
    columns, rows = min(len(known), ACROSS), ceil(len(known) / ACROSS)
    figure, axes = plt.subplots(rows, columns, figsize=(4.2 * columns, 4.4 * rows + 0.4), squeeze=False)
    for axis in axes.flat[len(known) :]:
        axis.set_visible(False)
    for axis, (title, layout) in zip(axes.flat, known.items(), strict=False):
        row = layout["row"]
        parts: dict[str, list[list[tuple[float, float]]]] = {}
        for x, y, width, module in layout["cells"]:
            box = [(x, y), (x + width, y), (x + width, y + row), (x, y + row)]
            parts.setdefault(category_of(module), []).append(box)
        for part, boxes in parts.items():
            axis.add_collection(
                PolyCollection(boxes, facecolors=COLOURS.get(part, "#bab0ac"), linewidths=0, rasterized=True)
            )
        axis.add_patch(Rectangle((0, 0), *layout["size"], fill=False, linewidth=0.8))
        axis.set(xlim=(-0.02 * widest, 1.02 * widest), ylim=(-0.02 * widest, 1.02 * widest), aspect="equal", title=title,
                 xlabel="µm")  # fmt: skip
        axis.spines[["top", "right"]].set_visible(False)
    handles = [Patch(color=COLOURS[part], label=NAMES[part]) for part in COLOURS]
    figure.legend(handles=handles, loc="lower center", ncols=len(handles), frameon=False, fontsize=9)
    figure.tight_layout(rect=(0, 0.06 / rows, 1, 1))
    figure.savefig(path, dpi=150)
    plt.close(figure)
