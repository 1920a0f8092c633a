"""Rows made by hand."""

from synth.density.row import Design, Row

__all__ = ["row", "row_of"]


def row_of(design: Design, area: float = 2.0, period: float | None = 4.0, **changes) -> Row:
    """A design's row."""
    values = {"parts": {"core": area}, "flip_flops": 0.5, "timing": "by hand", "bits_per_element": 4.125, "verified": 7,
              "macs": 1024, "includes": "all of it"}  # fmt: skip
    return Row(design, area, period=period, **values | changes)


def row(name: str, area: float, period: float | None = 4.0, library: str = "reference", changes=None, **design) -> Row:
    """The row of a format in the tile, or in another design."""
    return row_of(Design(name, library, **design), area, period, **changes or {})
