"""One operand's way from its port through the quantizer into a half of its buffer."""

from typing import NamedTuple

from hw.timing import Timing
from sim.model.port import Port
from sim.model.repeat import Stage, repeat
from sim.model.unpacker import Unpacker

__all__ = ["Loader"]


class Load(NamedTuple):
    """A half being filled. Members: cycle of its start, cycle from which the sequencer may take it."""

    start: int
    full: int


class _Quantizer(Stage):
    """Blocks through the quantizer's two halves, from a stream that is not always open.

    Members
    -------
    entered : cycle of the latest block's last beat. leaves : cycle in which it begins to leave, from which on the next
        may enter. vacant : cycle in which the next may begin to leave.
    """

    TIMES = ("entered", "leaves", "vacant")

    def __init__(self, port: Port, beats: int, start: int):
        self.port, self.beats = port, beats
        self.entered, self.leaves, self.vacant = start - 1, start, start

    def block(self, beats_in: int) -> None:
        """A block enters, and leaves when it is complete and the one before has left."""
        self.entered = self.port.nth(self.leaves, beats_in)
        self.leaves = max(self.entered + 1, self.vacant)
        self.vacant = self.leaves + self.beats

    def moment(self) -> int:
        return self.entered

    def key(self) -> tuple:
        return self.leaves - self.entered, self.vacant - self.entered, self.port.phase(self.entered)


class Loader(Stage):
    """Jobs one after another, each into the half that the product before the last has left.

    Members
    -------
    idle : cycle from which a job may begin. half : cycle from which a half is free. waited : cycles without input.
    """

    TIMES = ("idle", "half")
    COUNTS = ("waited",)

    def __init__(self, timing: Timing, jump: bool):
        self.config = timing.config
        self.beats = timing.block_beats
        self.unpacker_cycles = timing.unpacker_cycles
        self.full_cycles, self.retire_cycles = timing.full_cycles, timing.retire_cycles
        # The quantizer's first beat of a block leaves so much after the cycle in which it starts to be read.
        self.pipeline = timing.quantizer_cycles - 1
        self.jump = jump
        self.idle = self.half = 0
        self.holding = False
        self.waited = 0

    def load(self, port: Port, offered: int, lines: int, inner: int, packed: int = 0) -> Load:
        """Fill a half with ``lines`` lines of ``inner`` elements, by a job that is there from cycle ``offered`` on.

        ``packed`` is the mantissa width of an operand that comes in blocks, 0 for FP32.
        """
        start = max(offered, self.idle, self.half)
        blocks = -(-inner // self.config.block_size)
        rest = -(-(inner - (blocks - 1) * self.config.block_size) // self.config.lanes)
        if packed:
            self.idle = self._packed(port, start, lines * blocks, packed) + self.full_cycles
            return Load(start, self.idle)
        if port.always:
            # Blocks leave without a gap, because none takes longer to enter than the one before takes to leave.
            first = rest if blocks == 1 else self.beats
            leaves = start + first + 1 + (lines * blocks - 1) * self.beats
        else:
            leaves = self._limited(port, start, lines, blocks, rest)
        self.idle = leaves + self.pipeline + self.beats - 1 + self.full_cycles
        return Load(start, self.idle)

    def _limited(self, port: Port, start: int, lines: int, blocks: int, rest: int) -> int:
        """The cycle in which the last block begins to leave."""
        quantizer = _Quantizer(port, self.beats, start + 1)

        def line() -> None:
            repeat(quantizer, blocks - 1, lambda: quantizer.block(self.beats), self.jump)
            quantizer.block(rest)

        repeat(quantizer, lines, line, self.jump)
        end = quantizer.entered + 1
        self.waited += end - start - 1 - (port.opened(end) - port.opened(start + 1))
        return quantizer.leaves

    def _packed(self, port: Port, start: int, blocks: int, width: int) -> int:
        """The cycle in which the last beat leaves the unpacker."""
        if port.always:
            return start + self.unpacker_cycles + blocks * self.beats
        unpacker = Unpacker(self.config, port, start + 1, width)
        repeat(unpacker, blocks - 1, unpacker.block, self.jump)
        unpacker.block(True)
        self.waited += unpacker.waited
        return unpacker.time - 1

    def take(self, time: int) -> None:
        """The sequencer takes the half filled last and, if it holds one, leaves that."""
        self.half = time + self.retire_cycles + 1 if self.holding else 0
        self.holding = True

    def relative(self, reference: int, sent: int) -> tuple:
        """The state for jobs that come after ``sent``, as seen from ``reference``."""
        least = sent + 1
        return max(self.idle, least) - reference, max(self.half, least) - reference, self.holding
