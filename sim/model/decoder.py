"""Commands from their port to the three queues of jobs."""

from collections import deque

from hw.timing import Timing
from sim.model.port import Source
from sim.model.repeat import Stage, State

__all__ = ["Decoder", "Queue"]


class Queue(Stage):
    """An entry written in cycle ``t`` can be read from ``t + 1`` on; its place then is free a cycle after that."""

    TIMES = ("reads",)

    def __init__(self, depth: int):
        self.reads: deque[int] = deque(maxlen=depth)

    def room(self) -> int:
        """The first cycle in which there is room for another entry."""
        reads = self.reads
        return reads[0] + 1 if len(reads) == reads.maxlen else 0

    def relative(self, reference: int) -> tuple[int, ...]:
        """The state for someone who writes after ``reference`` at the earliest."""
        return tuple(time - reference if time > reference else 0 for time in self.reads)


class Decoder(Stage):
    """The command queue and the decoder behind it, one command at a time.

    Attributes
    ----------
    written
        cycle in which the latest command was put into its queue.
    sent
        in which it left the decoder.
    """

    TIMES = ("written", "sent")

    def __init__(self, timing: Timing):
        self.decode_cycles = timing.decode_cycles
        depth = timing.config.queue_depth
        self.commands = Queue(depth)
        self.loads_a, self.loads_b, self.products = Queue(depth), Queue(depth), Queue(depth)
        self.parts = (self.commands, self.loads_a, self.loads_b, self.products)
        self.written = self.sent = -1

    def refuse(self, port: Source, start: int) -> None:
        """The next command is refused, in the cycle before it would be offered."""
        self.sent = self._accept(port, start) + self.decode_cycles - 1

    def job(self, port: Source, start: int) -> int:
        """The cycle in which the next command's jobs are written into their queues, all of which must have room."""
        accepted = self._accept(port, start)
        self.sent = max(accepted + self.decode_cycles, self.loads_a.room(), self.loads_b.room(), self.products.room())
        return self.sent

    def _accept(self, port: Source, start: int) -> int:
        self.written = port.take(max(start, self.written + 1, self.commands.room()))
        accepted = max(self.written, self.sent) + 1
        self.commands.reads.append(accepted)
        return accepted

    def relative(self, reference: int) -> State:
        """The state as seen from ``reference``."""
        queues = (self.loads_a, self.loads_b, self.products)
        return (
            self.written - reference,
            self.sent - reference,
            self.commands.relative(self.written),
            *(queue.relative(self.sent) for queue in queues),
        )
