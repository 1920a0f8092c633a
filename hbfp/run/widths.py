"""Which mantissa width each layer of a network runs in."""

from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path

from golden.layers.schedule import WidthSchedule, schedule
from hbfp.run.graphs.layers import LayerPlace
from hw.host.files import read_json

__all__ = ["METADATA", "layer_widths", "read_widths"]

METADATA = "hbfp.widths"
"""Key of a graph's metadata: a JSON object of patterns of layers' names and mantissa widths."""
Plan = WidthSchedule | str | Mapping[str, int]
"""A schedule, its name, or mantissa widths by patterns of layers' names."""


def read_widths(path: Path) -> dict[str, int]:
    """Widths from a JSON file: an object of patterns (as of a shell) and widths.

    Raises
    ------
    ValueError
        naming the file and what is wrong in it.
    """
    return check_widths(read_json(Path(path)), str(path))


def check_widths(widths: object, where: str) -> dict[str, int]:
    """The widths, if they are an object of patterns and widths from 2 to 10."""
    if not isinstance(widths, dict) or not widths:
        raise ValueError(f"{where}: must be a JSON object of layers' names and mantissa widths")
    checked: dict[str, int] = widths
    for name, width in checked.items():
        if isinstance(width, bool) or not isinstance(width, int) or not 2 <= width <= 10:
            raise ValueError(f"{where}: {name}: a mantissa width must be an integer between 2 and 10, not {width!r}")
    return checked


def layer_widths(layers: Sequence[LayerPlace], plan: Plan, where: str = "widths") -> dict[str, int]:
    """The width of each layer, by its name.

    Parameters
    ----------
    layers
        of the network, in order.
    plan
        a schedule, its name, or patterns of names and widths, of which the first that fits counts. Layers that no
        pattern fits have 4 bits.

    Raises
    ------
    ValueError
        for a pattern that fits no layer.
    """
    if not isinstance(plan, Mapping):
        by_place = schedule(plan) if isinstance(plan, str) else plan
        return {layer.name: by_place.mantissa_width(layer) for layer in layers}
    for pattern in plan:
        if not any(fnmatchcase(layer.name, pattern) for layer in layers):
            raise ValueError(f"{where}: {pattern} fits no layer; the layers are {', '.join(layer.name for layer in layers)}")
    return {layer.name: next((width for pattern, width in plan.items() if fnmatchcase(layer.name, pattern)), 4)
            for layer in layers}  # fmt: skip
