# Ref: SCALE-Sim (A. Samajdar et al., ISPASS 2020; version 3, 2025), topology files: a convolution's row holds name,
# input height and width, filter height and width, channels, filters, stride; a product's row holds name, M, N, K.
"""Reader of SCALE-Sim topologies."""

import csv
from dataclasses import replace
from pathlib import Path

from hw.host.files import read_text
from sim.workloads.layer import Layer, Workload

__all__ = ["read_topology"]

_PRODUCT = {"m": "m", "n": "n", "k": "k", "batch": "repeats"}
_CONVOLUTION = {
    "ifmap height": "height",
    "ifmap width": "width",
    "filter height": "filter_height",
    "filter width": "filter_width",
    "channel": "channels",
    "num filter": "filters",
    "stride": "stride",
    "stride height": "stride",
    "stride width": "stride_width",
    "batch size": "samples",
    "batch": "samples",
}
"""Quantities by title, in lower case and in the singular."""
_OPTIONAL = {"repeats", "stride_width", "samples"}
_TWICE = {"ifmap width": "ifmap height", "filter width": "filter height"}
"""Titles that some files write twice, first where the other is meant or after it."""


class _Cell:
    """One cell of the file, so that a complaint can say where it is."""

    def __init__(self, path: Path, line: int, column: int, title: str, text: str):
        self.place = f"{path.name}, line {line}, column {column} ({title})"
        self.text = text

    def integer(self) -> int:
        """The positive integer the cell must hold."""
        if not self.text:
            raise ValueError(f"{self.place}: a positive integer is missing")
        if not self.text.isascii() or not self.text.isdecimal() or int(self.text) < 1:
            raise ValueError(f"{self.place}: must be a positive integer, not {self.text[:40]!r}")
        if len(self.text) > 9:
            raise ValueError(f"{self.place}: must have at most nine digits, not {len(self.text)}")
        return int(self.text)


def _singular(title: str) -> str:
    """A title in lower case, each word without the s of a plural."""
    words = title.lower().split()
    return " ".join(word[:-1] if word.endswith("s") and not word.endswith("ss") else word for word in words)


def _titles(cells: list[str]) -> list[str]:
    """Titles in the singular; of a pair whose one is there twice and the other never, the second is the other."""
    titles = [_singular(cell) for cell in cells]
    for title, partner in _TWICE.items():
        for twice, other in ((title, partner), (partner, title)):
            if titles.count(twice) == 2 and other not in titles:
                titles[len(titles) - 1 - titles[::-1].index(twice)] = other
    return titles


def _header(path: Path, cells: list[str]) -> tuple[dict[str, int], bool]:
    """Column numbers of the known quantities, and whether the rows are convolutions."""
    if len(cells) == 1 and (";" in cells[0] or "\t" in cells[0]):
        raise ValueError(f"{path.name}, line 1: columns must be separated by commas, not by semicolons or tabs")
    titles = _titles(cells)
    is_convolution = any(title.startswith("ifmap") for title in titles)
    known = _CONVOLUTION if is_convolution else _PRODUCT
    columns: dict[str, int] = {}
    for number, title in enumerate(titles):
        if title in known:
            if known[title] in columns:
                raise ValueError(f"{path.name}, line 1, column {number + 1}: {cells[number]} is there twice")
            columns[known[title]] = number
    missing = [title for title, name in known.items() if name not in columns | dict.fromkeys(_OPTIONAL, 0)]
    if missing:
        expected = "Layer, M, N, K" if not is_convolution else "Layer name, IFMAP Height, ..., Strides"
        raise ValueError(f"{path.name}, line 1: column {missing[0].title()} is missing; expected {expected}")
    return columns, is_convolution


def _check_sparsity(path: Path, line: int, cells: list[str]) -> None:
    """Refuse a row that asks for N of M sparsity, which would silently be computed dense."""
    for number, cell in enumerate(cells[1:], start=2):
        kept, colon, group = cell.partition(":")
        if colon and kept.isdecimal() and group.isdecimal() and kept != group:
            raise ValueError(f"{path.name}, line {line}, column {number}: sparsity {cell} is not modelled")


def _product(name: str, values: dict[str, _Cell], batch: int) -> Layer:
    m, k, n = (values[axis].integer() for axis in "mkn")
    repeats = values["repeats"].integer() if "repeats" in values and values["repeats"].text else 1
    if repeats > 1:
        return Layer(name, "attention", m, k, n, repeats * batch)
    return Layer(name, "linear", m * batch, k, n)


def _convolution(name: str, values: dict[str, _Cell], batch: int) -> Layer:
    """SCALE-Sim's own rules: no padding, a ragged last stride counts, "DP" in a name means one filter per channel."""
    optional = {key for key in _OPTIONAL & values.keys() if not values[key].text}
    number = {key: cell.integer() for key, cell in values.items() if key not in optional | {"stride_width"}}
    across = values["stride_width"].integer() if values.get("stride_width") and values["stride_width"].text else number["stride"]
    for axis in ("height", "width"):
        if number[f"filter_{axis}"] > number[axis]:
            cell = values[f"filter_{axis}"]
            raise ValueError(f"{cell.place}: filter is larger than its input of {number[axis]}")
    height = -(-(number["height"] - number["filter_height"]) // number["stride"]) + 1
    width = -(-(number["width"] - number["filter_width"]) // across) + 1
    groups = number["channels"] if "DP" in name else 1
    return Layer(
        name,
        "conv",
        m=batch * height * width,
        k=number["channels"] // groups * number["filter_height"] * number["filter_width"],
        n=number["filters"],
        repeats=groups,
        input_elements=batch * number["channels"] * number["height"] * number["width"],
    )


def read_topology(path: Path, batch: int | None = None) -> Workload:
    """A workload from a SCALE-Sim topology of convolutions or of products.

    The header decides which; columns are found by title, further ones (comments, targets) are ignored, and a trailing
    comma is optional. The first row is the layer that reads the data, the last row the last layer. In a topology of
    products a batch column above 1 means products of activations; in one of convolutions it is the batch of the file.

    Raises
    ------
    FileNotFoundError, ValueError
        naming file, line and column.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"{path} does not exist")
    text = read_text(path)
    try:
        lines = [[cell.strip() for cell in row] for row in csv.reader(text.splitlines())]
    except csv.Error as error:
        raise ValueError(f"{path.name}: is not a table: {error}") from error
    if not lines:
        raise ValueError(f"{path.name}, line 1: is empty; expected a header")
    columns, is_convolution = _header(path, lines[0])
    layers: list[Layer] = []
    samples: set[int] = set()
    for line, cells in enumerate(lines[1:], start=2):
        if not any(cells):
            continue
        _check_sparsity(path, line, cells)
        padded = cells + [""] * (max(columns.values()) + 1 - len(cells))
        name = padded[0] or f"layer{len(layers) + 1}"
        values = {key: _Cell(path, line, at + 1, lines[0][at], padded[at]) for key, at in columns.items()}
        if "samples" in values and values["samples"].text:
            samples.add(values["samples"].integer())
        own = min(samples, default=None)
        if len(samples) > 1 or (own is not None and batch not in (None, own)):
            other = batch if len(samples) == 1 else max(samples)
            raise ValueError(f"{values['samples'].place}: the batch of the file is {own}, not {other}")
        layers.append((_convolution if is_convolution else _product)(name, values, own or batch or 1))
    if not layers:
        raise ValueError(f"{path.name}, line 2: holds no layer")
    layers[0] = replace(layers[0], first=True, input_gradient=False)
    layers[-1] = replace(layers[-1], last=True)
    return Workload(path.stem, tuple(layers), own or batch or 1)
