"""Packed blocks through the unpacker, from a stream that is not always open."""

from hw.config import CoreConfig
from sim.model.port import Source
from sim.model.repeat import Stage, State

__all__ = ["Unpacker"]


class Unpacker(Stage):
    """Cycle by cycle: bits come in chunks of a beat of the stream, and leave as beats of mantissas.

    Attributes
    ----------
    time
        cycle that is worked out next.
    level
        bits there, in granules.
    held
        chunks of the latest beat to come.
    waited
        cycles without input.
    """

    TIMES = ("time",)
    COUNTS = ("waited",)

    def __init__(self, config: CoreConfig, port: Source, start: int, width: int):
        from hw.quantize.packing import Packing

        packing = Packing(config, config.lanes, config.load_lines)
        beats = config.block_size // config.lanes
        self.port = port
        self.parts = (port,)
        self.needs = [packing.granules(width, beat == 0) for beat in range(beats)]
        self.chunk, self.chunks = packing.chunk_bits // packing.granule, packing.chunks
        self.time, self.level, self.held, self.waited = start, 0, 0, 0

    def block(self, last: bool = False) -> None:
        """A block leaves; what is left of the stream's beat is dropped after the last."""
        needs = self.needs
        for beat, need in enumerate(needs):
            taken = False
            while not taken:
                if self.level < need and not self.held and self.port.offer > self.time:
                    self.waited += self.port.offer - self.time
                    self.time = self.port.offer
                taken = self.level >= need
                self._refill(need, needs[(beat + 1) % len(needs)], taken, taken and last and beat == len(needs) - 1)
                self.time += 1

    def _refill(self, need: int, following: int, taken: bool, finished: bool) -> None:
        """A cycle's chunk, asked for if the next beat of mantissas needs more than there will be."""
        left = self.level - need if taken else self.level
        if left < (following if taken else need) and not finished:
            if self.held:
                self.held -= 1
                left += self.chunk
            elif self.port.offer <= self.time:
                self.port.take(self.time)
                self.held = self.chunks - 1
                left += self.chunk
            else:
                self.waited += 1
        self.level = left

    def moment(self) -> int:
        return self.time

    def key(self) -> State:
        return self.level, self.held, self.port.relative(self.time)
