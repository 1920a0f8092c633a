"""One operand's way from its port through the quantizer into a half of its buffer."""

from typing import NamedTuple

from hw.command import OperandFormat
from hw.timing import Timing
from sim.model.port import Source
from sim.model.repeat import Memory, Stage, State, recall, repeat
from sim.model.unpacker import Unpacker

__all__ = ["Loader"]


class Load(NamedTuple):
    """A half being filled. Members: cycle of its start, cycle from which the sequencer may take it."""

    start: int
    full: int


class _Quantizer(Stage):
    """Blocks through the quantizer's two halves, from a stream that is not always open.

    Attributes
    ----------
    entered
        cycle of the latest block's last beat.
    leaves
        cycle in which it begins to leave, from which on the next may enter.
    vacant
        cycle in which the next may begin to leave.
    upper
        the next beat is the second half of one that is on offer still.
    ready
        cycle from which the next beat may be taken.
    waited
        cycles without input.
    """

    TIMES = ("entered", "leaves", "vacant", "ready")
    COUNTS = ("waited",)

    def __init__(self, port: Source, beats: int, start: int, halves: bool):
        self.port, self.beats, self.halves = port, beats, halves
        self.parts = (port,)
        self.entered, self.leaves, self.vacant, self.ready = start - 1, start, start, start
        self.upper = False
        self.waited = 0

    def block(self, beats_in: int, line_last: bool) -> None:
        """A block enters, and leaves when it is complete and the one before has left."""
        time = self.leaves
        for beat in range(beats_in):
            if not self.upper:
                offer = self.port.offer
                self.waited += max(0, offer - self.ready)
                time = max(time, offer)
            self.upper = self.halves and not self.upper and not (line_last and beat == beats_in - 1)
            if not self.upper:
                self.port.free = self.ready = time + 1
            time += 1
        self.entered = time - 1
        self.leaves = max(time, self.vacant)
        self.vacant = self.leaves + self.beats

    def moment(self) -> int:
        return self.entered

    def key(self) -> State:
        return self.leaves - self.entered, self.vacant - self.entered, self.upper, self.port.relative(self.entered)


class Loader(Stage):
    """Jobs one after another, each into the half that the product before the last has left.

    Attributes
    ----------
    idle
        cycle from which a job may begin.
    half
        cycle from which a half is free.
    waited
        cycles without input.
    done
        loads of packed blocks that were worked out before.
    """

    TIMES = ("idle", "half")
    COUNTS = ("waited",)

    def __init__(self, timing: Timing, jump: bool):
        self.config = timing.config
        self.beats = timing.block_beats
        self.unpacker_cycles = timing.unpacker_cycles
        self.full_cycles, self.retire_cycles = timing.full_cycles, timing.retire_cycles
        # From the cycle in which a block starts to be read to the one in which its first beat leaves the quantizer.
        self.pipeline = timing.quantizer_cycles - 1
        self.jump = jump
        self.idle = self.half = 0
        self.holding = False
        self.waited = 0
        self.done: Memory = {}

    def start(self, offered: int) -> int:
        """The cycle in which a job begins that is offered from cycle ``offered`` on."""
        return max(offered, self.idle, self.half)

    def filled(self, start: int, last: int) -> Load:
        """The job has begun in cycle ``start``, and the last beat of blocks has come in cycle ``last``."""
        self.idle = last + self.full_cycles
        return Load(start, self.idle)

    def load(self, port: Source, start: int, lines: int, inner: int, form: OperandFormat, width: int, patches: int = 0) -> Load:
        """Fill a half with ``lines`` lines of ``inner`` elements from a stream, by a job that begins in ``start``; lines of a
        map of so many ``patches``, whose origins come one per cycle from then on."""
        load = self._load(port, start, lines, inner, form, width)
        return self.filled(start, max(load.full - self.full_cycles, start + patches))

    def _load(self, port: Source, start: int, lines: int, inner: int, form: OperandFormat, width: int) -> Load:
        blocks = -(-inner // self.config.block_size)
        rest = -(-(inner - (blocks - 1) * self.config.block_size) // self.config.lanes)
        if form == OperandFormat.PACKED:
            turns = -(-lines // self.config.load_lines)
            return self.filled(start, self._packed(port, start, turns * blocks, width))
        if port.steady(start + 1):
            # Blocks leave without a gap, because none takes longer to enter than the one before takes to leave.
            first = rest if blocks == 1 else self.beats
            leaves = start + first + 1 + (lines * blocks - 1) * self.beats
        else:
            leaves = self._limited(port, start, lines, blocks, rest, form == OperandFormat.BFLOAT16)
        return self.filled(start, leaves + self.pipeline + self.beats - 1)

    def _limited(self, port: Source, start: int, lines: int, blocks: int, rest: int, halves: bool) -> int:
        """The cycle in which the last block begins to leave."""
        quantizer = _Quantizer(port, self.beats, start + 1, halves)

        def line() -> None:
            repeat(quantizer, blocks - 1, lambda: quantizer.block(self.beats, False), self.jump)
            quantizer.block(rest, True)

        repeat(quantizer, lines, line, self.jump)
        self.waited += quantizer.waited
        return quantizer.leaves

    def _packed(self, port: Source, start: int, blocks: int, width: int) -> int:
        """The cycle in which the last beat leaves the unpacker; each of ``blocks`` is one of each line side by side."""
        if port.steady(start + 1):
            return start + self.unpacker_cycles + blocks * self.beats
        unpacker = Unpacker(self.config, port, start + 1, width)

        def tensor() -> None:
            repeat(unpacker, blocks - 1, unpacker.block, self.jump)
            unpacker.block(True)

        if self.jump:
            recall(unpacker, self.done, (blocks, width), tensor)
        else:
            tensor()
        self.waited += unpacker.waited
        return unpacker.time - 1

    def take(self, time: int) -> None:
        """The sequencer takes the half filled last and, if it holds one, leaves that."""
        self.half = time + self.retire_cycles + 1 if self.holding else 0
        self.holding = True

    def relative(self, reference: int, sent: int) -> State:
        """The state for jobs that come after ``sent``, as seen from ``reference``."""
        least = sent + 1
        return max(self.idle, least) - reference, max(self.half, least) - reference, self.holding
