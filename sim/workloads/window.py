"""A convolution whose map the array walks: its geometry, and the parts of the map that commands take."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil, prod
from typing import NamedTuple

from hw.command import MOST_TAPS, PATCH_FIELDS, SIZE_WIDTH
from hw.config import CoreConfig

__all__ = ["Band", "Walk", "Window"]

LARGEST = 2**SIZE_WIDTH - 1


class Walk(NamedTuple):
    """Fields of a command whose A is a feature map, by their names in ``hw.command.PATCH_FIELDS``."""

    positions: int
    channels: int
    map_rows: int
    map_columns: int
    out_rows: int
    out_columns: int
    kernel_rows: int
    kernel_columns: int
    stride_rows: int
    stride_columns: int
    dilation_rows: int
    dilation_columns: int
    pad_rows: int
    pad_columns: int

    @classmethod
    def of(cls, fields: Mapping[str, int]) -> "Walk | None":
        """That of all the fields of a command word, if it has one."""
        return cls(*(fields[name] for name in cls._fields)) if fields.get("patches") else None

    @property
    def fields(self) -> dict[str, int]:
        """Those of the command word."""
        return {"patches": 1} | self._asdict()


class Band(NamedTuple):
    """A part of the output: ``rows`` rows of it from ``row`` on, of ``samples`` samples from ``sample`` on (all rows if several).

    The map's rows ``map_row`` to ``map_row + map_rows`` are under its patches, ``pad`` rows of zeros above them.
    """

    sample: int
    samples: int
    row: int
    rows: int
    map_row: int
    map_rows: int
    pad: int


@dataclass(frozen=True)
class Window:
    """A kernel over the maps of some samples; along the two axes, from top to bottom first.

    Parameters
    ----------
    samples, channels
        of the map.
    size
        of a sample's map.
    kernel, strides, dilations
        of the kernel.
    pads
        zeros above and left of the map, then below and right of it, as ONNX orders them.
    """

    samples: int
    channels: int
    size: tuple[int, int]
    kernel: tuple[int, int]
    strides: tuple[int, int] = (1, 1)
    pads: tuple[int, int, int, int] = (0, 0, 0, 0)
    dilations: tuple[int, int] = (1, 1)

    @classmethod
    def of(
        cls, samples: int, channels: int, size: Sequence[int], kernel: Sequence[int], strides: Sequence[int], pads: Sequence[int],
        dilations: Sequence[int],
    ) -> "Window | None":  # fmt: skip
        """That of a convolution, which along one axis has a map of one row; None along more than two, or for no window."""
        if len(size) not in (1, 2) or min(pads) < 0 or min(*strides, *dilations) < 1:
            return None
        if len(size) == 1:
            size, kernel, strides, dilations = ((1, *values) for values in (size, kernel, strides, dilations))
            pads = 0, pads[0], 0, pads[1]
        values = (tuple(values) for values in (size, kernel, strides, pads, dilations))
        return cls(samples, channels, *values)  # type: ignore[arg-type]  # of two integers each, the pads of four

    @property
    def out(self) -> tuple[int, int]:
        """Positions of the kernel along each axis."""
        axes = zip(self.size, self.pads, self.pads[2:], self.kernel, self.strides, self.dilations, strict=False)
        rows, columns = (
            (extent + before + behind - (taps - 1) * dilation - 1) // step + 1
            for extent, before, behind, taps, step, dilation in axes
        )
        return rows, columns

    @property
    def rows(self) -> int:
        """Of A."""
        return self.samples * prod(self.out)

    @property
    def reached(self) -> int:
        """Positions of all maps that lie under a tap."""
        axes = zip(self.out, self.size, self.pads, self.kernel, self.strides, self.dilations, strict=False)
        places = (
            {place * step + tap * dilation - before for place in range(places) for tap in range(taps)}.intersection(range(extent))
            for places, extent, before, taps, step, dilation in axes
        )
        return self.samples * prod(len(axis) for axis in places)

    def inner(self, block_size: int) -> int:
        """Elements of a row of A, the channels of each tap in whole blocks."""
        return prod(self.kernel) * ceil(self.channels / block_size) * block_size

    def walkable(self, config: CoreConfig) -> bool:
        """Whether a machine takes the map, and has room for the patches of a row of the output."""
        small = {"kernel_rows": MOST_TAPS, "kernel_columns": MOST_TAPS}
        geometry = {**self.walk(self.band(0, 1, 0, 1))._asdict(), "pad_rows": self.pads[0]}
        spans = [(taps - 1) * dilation + 1 for taps, dilation in zip(self.kernel, self.dilations, strict=True)]
        fits = all(value <= small.get(name, (1 << PATCH_FIELDS[name]) - 1) for name, value in geometry.items())
        fits &= self.inner(config.block_size) <= LARGEST and all(pad < span for pad, span in zip(self.pads, 2 * spans, strict=True))
        return config.walks and fits and self._most_rows(config) > 0

    def _places(self, config: CoreConfig, samples: int, rows: int) -> int:
        """Places of the buffer that so many rows of the output want: of the map under them, or of patches if those are more."""
        under = self.size[0] if samples > 1 else min(self.size[0], (rows - 1) * self.strides[0] + self._span)
        together = config.load_lines
        places = ceil(samples * under * self.size[1] / together) * together * ceil(self.channels / config.block_size)
        patches = samples * rows * self.out[1]
        return max(places, ceil(patches / config.rows)) if patches <= LARGEST else config.operand_depth + 1

    def _most_rows(self, config: CoreConfig) -> int:
        """Rows of a sample's output whose patches a command can take; 0 for none."""
        fitting = (rows for rows in range(self.out[0], 0, -1) if self._places(config, 1, rows) <= config.operand_depth)
        return next(fitting, 0)

    @property
    def _span(self) -> int:
        """Rows of the map under a kernel, first to last."""
        return (self.kernel[0] - 1) * self.dilations[0] + 1

    def band(self, sample: int, samples: int, row: int, rows: int) -> Band:
        """The part of the map under some rows of the output."""
        first = row * self.strides[0] - self.pads[0]
        last = first + (rows - 1) * self.strides[0] + self._span
        top, bottom = (0, self.size[0]) if samples > 1 else (max(0, first), min(last, self.size[0]))
        return Band(sample, samples, row, rows, top, bottom - top, top - first)

    def bands(self, config: CoreConfig, parts: int) -> list[Band]:
        """At least ``parts`` bands, where there are rows for as many, and at least as many as the buffer wants.

        Whole samples where there are ``parts`` of them, otherwise rows of one sample.
        """
        height, most = self.out[0], self._most_rows(config)
        if most == height and self.samples >= parts:
            fitting = (n for n in range(self.samples // parts, 1, -1) if self._places(config, n, height) <= config.operand_depth)
            count = next(fitting, 1)
            return [self.band(s, min(count, self.samples - s), 0, height) for s in range(0, self.samples, count)]
        rows = ceil(height / max(ceil(parts / self.samples), ceil(height / most)))
        starts = range(0, height, rows)
        return [self.band(s, 1, row, min(rows, height - row)) for s in range(self.samples) for row in starts]

    def positions(self, band: Band) -> slice:
        """Those of all the map's, sample by sample and row by row, that are under it."""
        first = (band.sample * self.size[0] + band.map_row) * self.size[1]
        return slice(first, first + band.samples * band.map_rows * self.size[1])

    def walk(self, band: Band) -> Walk:
        """Its command's fields."""
        return Walk(
            band.samples * band.map_rows * self.size[1], self.channels, band.map_rows, self.size[1], band.rows, self.out[1],
            *self.kernel, *self.strides, *self.dilations, band.pad, self.pads[1],
        )  # fmt: skip
