"""The one description of a machine: generator, cycle model, drivers and reports are all functions of it."""

from dataclasses import asdict, dataclass, fields
from functools import cached_property
from math import ceil
from typing import Any

from hw.choices import (
    ACCUMULATORS,
    DATAPATHS,
    FEATURES,
    FPGA_DATAPATHS,
    ROUNDING_MODES,
    Rounding,
    accumulator_kind,
    blocks_per_addition,
)
from hw.names import digest, named
from hw.rules import check_machine

__all__ = [
    "ACCUMULATORS", "CONVERSION_STAGES", "DATAPATHS", "FEATURES", "FPGA_DATAPATHS", "JOIN_GUARD", "ROUNDING_MODES", "CoreConfig",
    "Rounding",
    "signed_width",
]  # fmt: skip

CONVERSION_STAGES = {6: 2, 7: 2, 8: 2, 9: 3, 10: 3, 11: 4, 12: 4}
"""Register stages of an accumulator in front of its loop, in which a block's sum is converted, by ``accumulator_cycles``;
where none is given, 1."""
JOIN_GUARD = 4
"""Bits kept below the unit of the greater of two blocks that are joined."""


def signed_width(low: int, high: int) -> int:
    """Bits of a two's complement number that holds every integer in ``low … high``."""
    return max(high.bit_length(), (-low - 1).bit_length() if low < 0 else 0) + 1


@dataclass(frozen=True)
class CoreConfig:
    """Parameters of a core, checked once, here.

    Parameters
    ----------
    mantissa_widths
        widths (bits, sign included) a command can ask for. One width builds multipliers of that width; several
        build multipliers of the smallest and run the others as passes over slices.
    block_size
        elements along the reduction axis that share an exponent.
    exponent_width
        bits of a block's stored exponent.
    rounding_modes
        roundings into a block a command can ask for, of "nearest", "stochastic" and "truncate", in any order.
    dot
        products a unit makes per cycle; a divisor of ``block_size`` (default: the whole block), or all of the blocks that
        are joined.
    tile_rows, tile_columns
        units of a tile, which share operands by broadcast.
    mesh_rows, mesh_columns
        tiles of the array, connected by registers.
    interleave
        outputs a unit holds; they take turns, which hides the accumulator's latency.
    accumulator
        "fp32", "bf16", "aligned", "fp32x2" or "fp32x4"; the last two take two or four blocks in a step, join their sums as
        integers and add once.
    accumulator_cycles
        register stages of the accumulator, its state included (1 … 12; "aligned" 1 … 5).
    tree_cycles
        register stages inside the dot product's compressor tree (0 … 5).
    datapath
        "structural" (an explicit bit heap, for chips), "carry_chain" (lookup tables and adders, for FPGAs), "dsp"
        (multiplier blocks and adders, for FPGAs) or "behavioral" (arithmetic, for simulation).
    clock_gating
        whether registers of the array load only what is valid: clock gates on chips, clock enables on FPGAs.
    lanes
        FP32 elements per beat of each operand stream (default: the largest fitting divisor up to 16).
    load_lines
        lines of an operand in packed blocks that enter side by side, a block of each per beat of blocks: 1, or with
        ``lanes`` of a whole block 2, 4 or 8.
    operand_depth
        blocks of each array row (and column) that one half of an operand buffer holds.
    panel_columns
        columns of C the result buffer gathers before it sends rows (default: the array's columns).
    result_panels
        panels of C the result buffer holds: one fills, one leaves, any more hide the way between.
    result_streams
        streams by which C leaves, a divisor of ``mesh_rows``: each has the rows of its share of the tiles, which drain by
        themselves.
    queue_depth
        commands that wait in the queue.
    features
        what the core has beyond FP32 in and out: "packed" (operands as packed blocks), "bfloat16" (operands and
        results of that format), "bias" (a bias and ReLU on the results), "requantize" (results into blocks, packed
        or as the next A), "patches" (A as a feature map, of which the array reads patches).

    Raises
    ------
    TypeError, ValueError
        naming parameter, rule and value of every rule that is broken, separated by semicolons.
    """

    mantissa_widths: tuple[int, ...] = (4,)
    block_size: int = 64
    exponent_width: int = 8
    rounding_modes: tuple[str, ...] = ("nearest",)
    dot: int = None  # type: ignore[assignment]  # an integer once the object is made; so are the next two
    tile_rows: int = 4
    tile_columns: int = 4
    mesh_rows: int = 1
    mesh_columns: int = 1
    interleave: int = 1
    accumulator: str = "fp32"
    accumulator_cycles: int = 1
    tree_cycles: int = 0
    datapath: str = "structural"
    clock_gating: bool = False
    lanes: int = None  # type: ignore[assignment]
    load_lines: int = 1
    operand_depth: int = 1024
    panel_columns: int = None  # type: ignore[assignment]
    result_panels: int = 2
    result_streams: int = 1
    queue_depth: int = 4
    features: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        check_machine(self)

    # The array.
    @property
    def rows(self) -> int:
        """Units from north to south."""
        return self.tile_rows * self.mesh_rows

    @property
    def columns(self) -> int:
        """Units from west to east."""
        return self.tile_columns * self.mesh_columns

    @property
    def output_rows(self) -> int:
        """Rows of C one output tile covers."""
        return self.rows * self.interleave

    @property
    def chain_rows(self) -> int:
        """Units from north to south whose results leave by one stream."""
        return self.rows // self.result_streams

    @property
    def macs_per_cycle(self) -> int:
        """Peak multiply-accumulates per cycle, at the narrowest width."""
        return self.rows * self.columns * self.dot

    @property
    def steps(self) -> int:
        """Cycles of one pass over a block, or over blocks that are joined."""
        return self.group_size // self.dot

    @property
    def accumulator_kind(self) -> str:
        """The accumulator's additions: "fp32", "bf16" or "aligned"."""
        return accumulator_kind(self.accumulator)

    @property
    def group(self) -> int:
        """Blocks that are joined before each addition, and taken in one step: a power of two."""
        return blocks_per_addition(self.accumulator)

    @property
    def group_size(self) -> int:
        """Elements of the blocks that are joined."""
        return self.block_size * self.group

    def groups(self, inner: int) -> int:
        """Groups of joined blocks, of which the last may lack some, in a reduction of ``inner`` elements."""
        return ceil(inner / self.group_size)

    def whole_groups(self, blocks: Any) -> Any:
        """Groups that so many blocks make, an integer or a value."""
        return (blocks + self.group - 1) >> self.group.bit_length() - 1 if self.group > 1 else blocks

    @property
    def walks(self) -> bool:
        """Whether A may be a feature map."""
        return "patches" in self.features

    @property
    def position_width(self) -> int:
        """Bits of a place in a half of an operand buffer; what walks a map is worked out modulo ``2**position_width``."""
        return (self.operand_depth - 1).bit_length()

    @property
    def operand_groups(self) -> int:
        """Groups of joined blocks of each line that one half of an operand buffer holds."""
        return self.operand_depth // self.group

    @property
    def join_cycles(self) -> int:
        """Register stages behind the block sums in which blocks are joined."""
        return min(2, self.tree_cycles) if self.group > 1 else 0

    @property
    def loop_cycles(self) -> int:
        """Least distance, in cycles, of two additions to the same output: the stages inside the accumulator's loop."""
        return max(1, self.accumulator_cycles - CONVERSION_STAGES.get(self.accumulator_cycles, 1))

    # Mantissas.
    @property
    def mixed(self) -> bool:
        """Whether widths are chosen by command."""
        return len(self.mantissa_widths) > 1

    @property
    def multiplier_width(self) -> int:
        """Bits of a multiplier's operands, sign included."""
        return self.mantissa_widths[0]

    @property
    def slice_width(self) -> int:
        """Magnitude bits of one slice."""
        return self.multiplier_width - 1

    def slices(self, mantissa_width: int) -> int:
        """Slices of a mantissa of this width; a product takes slices(a) * slices(b) passes."""
        return ceil((mantissa_width - 1) / self.slice_width)

    @property
    def storage_width(self) -> int:
        """Bits of a stored mantissa: a sign and whole slices."""
        return 1 + self.slice_width * self.slices(self.mantissa_widths[-1])

    @property
    def dot_sum_bound(self) -> int:
        """Largest magnitude of one cycle's sum of a block's products, of two largest slices each."""
        return self.dot // self.group * ((1 << self.slice_width) - 1) ** 2

    @property
    def block_sum_bound(self) -> int:
        """Largest magnitude of a block's dot product, at the widest mantissas."""
        return self.block_size * ((1 << self.mantissa_widths[-1] - 1) - 1) ** 2

    @property
    def dot_sum_width(self) -> int:
        """Bits of the dot product's signed output."""
        return signed_width(-self.dot_sum_bound, self.dot_sum_bound)

    @property
    def block_sum_width(self) -> int:
        """Bits of a signed block sum. Horner's partial sums over passes stay below the whole, so they fit."""
        return signed_width(-self.block_sum_bound, self.block_sum_bound)

    @property
    def joined_fraction_width(self) -> int:
        """Bits of a joined sum below the unit of its scale: ``JOIN_GUARD`` for each time two are joined."""
        return JOIN_GUARD * (self.group.bit_length() - 1)

    @property
    def join_growth(self) -> int:
        """Bits by which joining widens a block's sum: each time two are joined, the guard bits and one."""
        return (JOIN_GUARD + 1) * (self.group.bit_length() - 1)

    @property
    def joined_sum_width(self) -> int:
        """Bits of a joined sum."""
        return self.block_sum_width + self.join_growth

    # Exponents.
    @property
    def exponent_bias(self) -> int:
        """Bias of a block's stored exponent."""
        return (1 << self.exponent_width - 1) - 1

    @cached_property
    def scale_range(self) -> tuple[int, int]:
        """Least and largest log2 of a block's interval, ``X - (m - 1)``, over all fields, the reserved ones included."""
        low = 1 - self.exponent_bias - (self.mantissa_widths[-1] - 1)
        high = 2**self.exponent_width - self.exponent_bias - (self.mantissa_widths[0] - 1)
        return low, high

    @property
    def scale_width(self) -> int:
        """Bits of a signed scale."""
        return signed_width(*self.scale_range)

    @property
    def missing_scale(self) -> int:
        """A scale that no block has: of blocks that a group lacks. Beside any other block, what is there counts as zero."""
        return -(1 << self.scale_width - 1)

    # Buffers.
    @property
    def word_elements(self) -> int:
        """Elements of one array row in a word of the operand buffer."""
        return max(self.dot, self.lanes)

    @property
    def block_words(self) -> int:
        """Words that a block, or blocks that are joined, take in the operand buffer."""
        return self.group_size // self.word_elements

    @property
    def panel_tiles(self) -> int:
        """Output tiles side by side in a panel of the result buffer."""
        return self.panel_columns // self.columns

    # Names and records.
    @cached_property
    def name(self) -> str:
        """Name of the machine: what people vary most, then, unless all else is as usual, a digest of what is not."""
        said = ("mantissa_widths", "block_size", "dot", "tile_rows", "tile_columns", "mesh_rows", "mesh_columns",
                "interleave", "accumulator")  # fmt: skip
        usual = CoreConfig(**{parameter: getattr(self, parameter) for parameter in said}).to_dict()
        unusual = {parameter: value for parameter, value in self.to_dict().items() if value != usual.get(parameter)}
        return named(
            "hbfp" + "_".join(map(str, self.mantissa_widths)), digest(unusual) if unusual else "", n=self.block_size,
            d=self.dot, tile=f"t{self.tile_rows}x{self.tile_columns}", mesh=f"m{self.mesh_rows}x{self.mesh_columns}",
            l=self.interleave, sum=self.accumulator,
        )  # fmt: skip

    def to_dict(self) -> dict[str, Any]:
        """Parameters as JSON-ready values; what is switched off is left out."""
        values = {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(self).items()}
        return {name: value for name, value in values.items() if value is not False}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "CoreConfig":
        """Inverse of ``to_dict``; unknown names, and what is no table, raise ``ValueError`` or ``TypeError``."""
        if not isinstance(values, dict):
            raise TypeError(f"parameters must be a table of a machine's parameters, not {values!r}")
        unknown = set(values) - {field.name for field in fields(cls)}
        if unknown:
            raise ValueError(f"unknown parameter {', '.join(sorted(unknown))}")
        lists: dict[str, Any] = {
            name: tuple(value) if isinstance(value := values[name], list) else value
            for name in ("mantissa_widths", "rounding_modes", "features") if name in values
        }
        return cls(**values | lists)
