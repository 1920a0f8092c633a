"""Latencies of a core's components, without the components: what their properties say, and models build on."""

from dataclasses import dataclass
from math import ceil

from hw.command import SIZE_WIDTH
from hw.config import CoreConfig

__all__ = ["COUNTER_WIDTH", "COUNT_CYCLES", "FULL_CYCLES", "JUDGE_CYCLES", "QUEUE_CYCLES", "SPARE_TILES", "Timing"]

COUNTER_WIDTH = 32
"""Bits of a counter, which stays at its largest value, 2**32 - 1, until it is cleared: 43 seconds at 100 MHz."""

COUNT_CYCLES = 2
"""From an event, in addition to the cycle after it, to its count. The core is idle only when the counters are right."""

JUDGE_CYCLES = 3
"""From a decoded command to its error code: what the rules compare, every rule, then the first that is broken."""

FULL_CYCLES = 1
"""From a half's last beat out of the quantizer to the cycle in which the sequencer may take the half."""

QUEUE_CYCLES = 3
"""Of a queue of output tiles: in, through and out."""

SPARE_TILES = 3
"""Output tiles in flight besides those on their way, see ``Timing.tiles_in_flight``."""


@dataclass(frozen=True)
class Timing:
    """Timing of the core ``config``, in cycles.

    Every component that has a property of the same name returns this one's.
    """

    config: CoreConfig

    @property
    def decode_cycles(self) -> int:
        """From a command's acceptance to the offer of its job: a bit of the quotients per cycle, a bit of the products per
        cycle, the rules; and a cycle each to round the quotients up and to choose."""
        return SIZE_WIDTH + self.config.operand_depth.bit_length() + JUDGE_CYCLES + 3

    @property
    def count_cycles(self) -> int:
        """``COUNT_CYCLES``."""
        return COUNT_CYCLES

    # Loader.
    @property
    def block_beats(self) -> int:
        """Beats in which a block leaves the quantizer, however few came in."""
        return self.config.block_size // self.config.lanes

    @property
    def quantizer_cycles(self) -> int:
        """From a block's last beat into the quantizer to its first beat out: read, hold, measure, align, round, and out."""
        return 6

    @property
    def unpacker_cycles(self) -> int:
        """From a beat of packed blocks to the beat of mantissas that needed it."""
        return 1

    @property
    def full_cycles(self) -> int:
        """``FULL_CYCLES``."""
        return FULL_CYCLES

    # Sequencer.
    @property
    def fetch_cycles(self) -> int:
        """From a product's leaving its queue to the cycle in which it may start."""
        return 1

    @property
    def least_slots(self) -> int:
        """Slots run at least, some of them empty, so that the accumulator's loop is never too short."""
        return ceil(self.config.loop_cycles / self.config.steps)

    @property
    def retire_cycles(self) -> int:
        """Cycles after which the last reads of a half have reached every group of its buffer."""
        return max(self.config.mesh_rows, self.config.mesh_columns) + self.origin_cycles

    @property
    def origin_cycles(self) -> int:
        """From the issue of a step to the reading of its operands: where A may be a map, the table of the patches'
        origins and a register behind it."""
        return 2 if self.config.walks else 0

    # Array.
    @property
    def read_cycles(self) -> int:
        """From the issue of a step to its operands at tile row 0 and tile column 0: the memory, and a register behind it."""
        return self.origin_cycles + 2

    @property
    def unit_cycles(self) -> int:
        """From a step's entry into a tile to its result being written: operands, tree, block sum, joining, accumulator."""
        return 2 + self.config.tree_cycles + self.config.join_cycles + self.config.accumulator_cycles - 1

    @property
    def result_cycles(self) -> int:
        """From the entry of an output tile's final step into the mesh to its first result at the drain of column 0."""
        return self.unit_cycles + 1

    @property
    def drain_cycles(self) -> int:
        """Least distance of the last capture of an output tile and the first of the next."""
        return self.config.chain_rows * self.config.interleave + self.config.mesh_rows // self.config.result_streams

    @property
    def align_cycles(self) -> int:
        """That the first results of the northern stream wait for those of the southern one, so that all leave together."""
        return self.config.mesh_rows - self.config.mesh_rows // self.config.result_streams

    def drain_span(self, slots: int) -> int:
        """From the first result of an output tile of ``slots`` outputs per unit at the drain of column 0 to the last.

        A chain has a place for each slot, used or not, and a result spends one more cycle on its way between tiles. Where
        C leaves by several streams, ``align_cycles`` are in it.
        """
        c = self.config
        return (c.chain_rows - 1) * c.interleave + c.mesh_rows - 1 + slots - 1

    # Result buffer.
    @property
    def gather_cycles(self) -> int:
        """From a panel's last result at the drain of column 0 to the cycle in which its first beat may be read: a register,
        a cycle per tile column."""
        return 1 + self.config.mesh_columns

    @property
    def tiles_in_flight(self) -> int:
        """Places for output tiles that were announced, at the issue of their last step, and are not gathered yet.

        Tiles are ``drain_cycles`` apart at least, and a tile's first result takes the way through buffer, mesh and gathering,
        with ``QUEUE_CYCLES`` for the queue itself. ``SPARE_TILES`` are the one whose results are passing, the one being
        announced, and the one that an uneven start may add.
        """
        way = self.read_cycles + self.result_cycles + self.align_cycles + self.gather_cycles + QUEUE_CYCLES
        return SPARE_TILES + ceil(way / self.drain_cycles)

    @property
    def send_cycles(self) -> int:
        """From the reading of a beat of C to its offer."""
        return 1

    # Output stage.
    @property
    def finisher_cycles(self) -> int:
        """Through bias and ReLU, for a core that has them: three registers of the adder, one behind it."""
        return 4 if "bias" in self.config.features else 0

    @property
    def packer_cycles(self) -> int:
        """Through the bfloat16 packer, for a core that has it."""
        return 1 if "bfloat16" in self.config.features else 0

    @property
    def requantizer_cycles(self) -> int:
        """From a beat of C that completes a beat of a block to that beat at the requantizer's quantizer."""
        return 1

    @property
    def block_packer_cycles(self) -> int:
        """From a beat of blocks that completes a beat of packed words to that beat: bit buffer, output register."""
        return 2
