"""What a measurement asks for and what it gives: a design and its row."""

from dataclasses import asdict, dataclass, field
from typing import Any

__all__ = ["ACCOUNTINGS", "CONVERTERS", "Design", "Row"]

ACCOUNTINGS = ("tile", "array", "dot unit", "formula")
CONVERTERS = ("none", "own", "shared")


@dataclass(frozen=True)
class Design:
    """What to measure: a format in an accounting, mapped to a library.

    Parameters
    ----------
    format
        a name of ``hw.baseline.formats``, with ``/N`` for another block size.
    library
        a library's name or file.
    dot
        products of a unit per cycle (default: the block, or 64 where nothing is shared).
    rows, columns
        units of the tile.
    cycles
        register stages of the accumulator.
    clock_gates
        whether enabled registers get clock gates where the library has them.
    accounting
        of ``ACCOUNTINGS``, see ``synth/density/accounting.py``.
    converter
        for a dot unit, of ``CONVERTERS``: whose the converter to blocks is.
    tree_cycles
        register stages between operands and block sum; of floating-point formats in each operation.
    effort
        of ``EFFORTS`` in ``synth.mapping.recipes``.
    mesh
        tiles in a row and in a column of an array.
    target
        ns that each part mapped for speed should need at most (default: the least product of area and delay).
    clock_gating
        as of ``hw.config.CoreConfig``.
    """

    format: str
    library: str = "reference"
    dot: int | None = None
    rows: int = 4
    columns: int = 4
    cycles: int = 1
    clock_gates: bool = True
    accounting: str = "tile"
    converter: str = "none"
    tree_cycles: int = 0
    effort: str = "area"
    mesh: int = 1
    target: float | None = None
    clock_gating: bool = False

    @property
    def label(self) -> str:
        """What a progress bar calls it."""
        return f"{self.format} in {self.library} ({self.accounting})"

    @property
    def usual(self) -> bool:
        """Whether this is the tile every format is compared in: 4×4 units, nothing pipelined, mapped by area."""
        return (self.accounting, self.dot, self.rows, self.columns, self.cycles, self.tree_cycles, self.effort,
                self.clock_gates, self.clock_gating) == ("tile", None, 4, 4, 1, 0, "area", True, False)  # fmt: skip

    @property
    def cell(self) -> bool:
        """Whether this is a cell: one unit of 16 products with registers of its own."""
        return (self.accounting, self.dot, self.rows, self.columns, self.effort) == ("tile", 16, 1, 1, "area")


@dataclass
class Row:
    """One design's result; areas per MAC in the library's unit.

    Attributes
    ----------
    area
        everything the accounting counts, and ``parts`` what it is made of.
    flip_flops
        the part of ``area`` that is flip-flops.
    period
        least clock period in ns, or ``None`` where the accounting has no clock.
    includes
        what is counted.
    verified
        results of the mapped parts that were compared with the reference.
    memory_bits
        bits of memories that belong to it, per MAC, whose area is not counted.
    """

    design: Design
    area: float
    parts: dict[str, float]
    flip_flops: float
    period: float | None
    timing: str
    bits_per_element: float
    verified: int
    macs: int
    includes: str = ""
    memory_bits: float = 0.0
    scripts: dict[str, str] = field(default_factory=dict)
    tools: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        d = self.design
        above = {"area": self.area, "macs": self.macs, "bits_per_element": self.bits_per_element}
        for name, value in (above | {"rows": d.rows, "columns": d.columns, "mesh": d.mesh}).items():
            if not value > 0:
                raise ValueError(f"{name} must be above 0, not {value}")

    @property
    def density(self) -> float:
        """Operations (two per MAC) per ns and unit of area, at the least period; 0 where there is none."""
        return 2 / (self.period * self.area) if self.period else 0.0

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready values."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "Row":
        """Inverse of ``to_dict``."""
        return cls(**values | {"design": Design(**values["design"])})
