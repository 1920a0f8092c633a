"""Rows of C into blocks, and blocks into packed words."""

from collections import deque
from collections.abc import Callable

from hw.timing import Timing
from sim.model.registers import ElasticRegisters
from sim.model.repeat import Stage, State

__all__ = ["BlockPacker", "Requantizer"]

Blocks = Callable[[int, bool, bool], int]
"""Takes a beat of blocks offered from a cycle on; it begins a block; it is C's last. Returns the cycle."""


class Requantizer(Stage):
    """Beats of C are gathered, and leave as blocks by way of the quantizer's two halves.

    Attributes
    ----------
    part, beat
        of the block that enters.
    moved
        cycle in which the gathered beat moved on.
    vacant
        cycles from which the halves may be entered, the next one first.
    """

    TIMES = ("moved", "vacant")
    PLACES = ("part", "beat")

    def __init__(self, timing: Timing, blocks: Blocks):
        config = timing.config
        self.parts_of_beat, self.beats = config.lanes // config.tile_columns, timing.block_beats
        self.gather_cycles = timing.requantizer_cycles
        self.blocks = blocks
        # The cycle that finds the half full is the first of the quantizer's latency.
        self.registers = ElasticRegisters(timing.quantizer_cycles - 1)
        self.parts = (self.registers,)
        self.part = self.beat = 0
        self.moved = -1
        self.vacant = deque([-1, -1])

    def push(self, time: int, row_last: bool, last: bool) -> int:
        """A beat of C offered from cycle ``time`` on. Returns the cycle in which it is taken."""
        taken = max(time, self.moved)
        self.part += 1
        if row_last or self.part == self.parts_of_beat:
            self.part = 0
            self.beat += 1
            self.moved = max(taken + self.gather_cycles, self.vacant[0])
            if row_last or self.beat == self.beats:
                self.beat = 0
                self._leave(self.moved + 1, last)
        return taken

    def _leave(self, time: int, last: bool) -> None:
        """A block, complete in the half from cycle ``time`` on."""
        for beat in range(self.beats):
            ends = last and beat == self.beats - 1
            time = self.registers.push(time, lambda shown: self.blocks(shown, beat == 0, ends)) + 1  # noqa: B023
        self.vacant.popleft()
        self.vacant.append(time)

    def relative(self, reference: int) -> State:
        """The state for beats taken after ``reference``."""
        times = (time - reference if time >= reference else -1 for time in (self.moved, *self.vacant))
        return self.part, self.beat, *times, self.registers.relative(reference)


class BlockPacker(Stage):
    """Beats of blocks become chunks of bits, and these, side by side, beats of words.

    Attributes
    ----------
    level
        granules of the chunk that fills.
    index
        chunks in the beat of words.
    moved, sent
        cycles in which the latest chunk and the latest beat of words moved on.
    """

    TIMES = ("moved", "sent")
    PLACES = ("level", "index")

    def __init__(self, timing: Timing, mantissa_width: int, leave: Callable[[int], int]):
        from hw.quantize.packing import Packing

        packing = Packing(timing.config, timing.config.tile_columns)
        self.granules = [packing.granules(mantissa_width, start) for start in (False, True)]
        self.chunk, self.chunks = packing.chunk_bits // packing.granule, packing.chunks
        # The output register is the last cycle of the packer's latency.
        self.buffer_cycles = timing.block_packer_cycles - 1
        self.leave = leave
        self.level = self.index = 0
        self.moved = self.sent = -1

    def push(self, time: int, start: bool, last: bool) -> int:
        """A beat of blocks; see ``Blocks``."""
        taken = max(time, self.moved)
        self.level += self.granules[start]
        due = taken + self.buffer_cycles
        while self.level >= self.chunk or (last and self.level):
            self.level = max(0, self.level - self.chunk)
            due = self.moved = self._move(due, last and not self.level)
            due += 1
        return taken

    def fill(self, beats: int, block_beats: int, last: bool) -> tuple[int | None, bool]:
        """Beats of whole blocks pass without a wait, the last of C among them or not.

        Returns
        -------
        tuple[int | None, bool]
            The number of the beat that completes a beat of words first, if one does, and whether the last one
            completes two chunks.
        """
        later, start = self.granules
        full, before = self.chunk * self.chunks, self.index * self.chunk + self.level

        def filled(count: int) -> int:
            return before + count * later + -(-count // block_beats) * (start - later)

        first = next((number for number in range(beats) if filled(number + 1) >= full), beats - 1 if last else None)
        final = filled(beats) - filled(beats - 1)
        spills = last and filled(beats - 1) % self.chunk + final > self.chunk
        self.index, self.level = (0, 0) if last else divmod(filled(beats) % full, self.chunk)
        return first, spills

    def _move(self, time: int, ends: bool) -> int:
        moved = max(time, self.sent)
        self.index += 1
        if ends or self.index == self.chunks:
            self.index = 0
            self.sent = self.leave(moved + 1)
        return moved

    def relative(self, reference: int) -> State:
        """The state for beats taken after ``reference``."""
        times = (time - reference if time >= reference else -1 for time in (self.moved, self.sent))
        return self.level, self.index, *times
