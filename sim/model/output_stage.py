"""Beats of C from the result buffer to the port, or back to the loader of A, in the form that the command wants."""

from collections.abc import Callable
from fractions import Fraction

from hw.command import OutputFormat
from hw.timing import Timing
from sim.model.port import Port, Source
from sim.model.registers import ElasticRegisters, RigidRegisters
from sim.model.repeat import Stage, State, repeat
from sim.model.requantizer import BlockPacker, Requantizer

__all__ = ["OutputStage"]


class _Numbers(Stage):
    """FP32 or bfloat16 through the register of the bfloat16 packer, if there is one. Member ``held``: half a beat."""

    PLACES = ("held",)

    def __init__(self, timing: Timing, halves: bool, leave: Callable[[int], int]):
        self.halves, self.leave = halves, leave
        self.registers = ElasticRegisters(timing.packer_cycles)
        self.parts = (self.registers,)
        self.held = False

    def push(self, time: int, row_last: bool, last: bool) -> int:
        """A beat of C offered from cycle ``time`` on. Returns the cycle in which it is taken."""
        completes = not self.halves or self.held or row_last
        self.held = not completes
        return self.registers.push(time, self.leave if completes else lambda shown: shown)

    def relative(self, reference: int) -> State:
        return self.held, self.registers.relative(reference)


class OutputStage(Stage):
    """Bias and ReLU, then the way of the command's output format. One C is in it at a time.

    Attributes
    ----------
    port, bias
        the streams.
    blocked
        cycles in which a beat waited at the port.
    open
        cycle from which C may enter.
    loading
        from which the loader of A takes it, if it stays in the core.
    taken
        cycle in which the latest beat left the result buffer.
    sent
        in which the latest left the stage.
    before
        the same for the beat before it.
    first
        cycle in which C's first beat was offered at the port, None before.
    """

    TIMES = ("open", "loading", "taken", "sent")
    COUNTS = ("blocked",)

    def __init__(self, timing: Timing, jump: bool):
        self.timing = timing
        self.columns, self.block_size = timing.config.tile_columns, timing.config.block_size
        self.latency = timing.finisher_cycles + timing.packer_cycles
        self.jump = jump
        self.port, self.bias = Port(Fraction(1)), Source(Fraction(1))
        self.open = self.loading = self.taken = self.sent = -1
        self.blocked = 0
        self.begin(OutputFormat.FP32, 0, False)

    def set_ports(self, port: Port, bias: Source) -> None:
        """Change the streams, between two C."""
        self.port, self.bias = port, bias
        self._arrange()

    def begin(self, output: OutputFormat, width: int, bias: bool, columns: int = 0, loading: int = -1) -> None:
        """A C of this format and width, with its mantissa width where it becomes blocks, and with a bias or not."""
        timing = self.timing
        self.open, self.loading = self.sent + 1, loading
        self.first: int | None = None
        self.adds = bias
        self.whole = columns % self.block_size == 0
        self.finisher = RigidRegisters(timing.finisher_cycles)
        self.packer = BlockPacker(timing, width, self._leave) if output == OutputFormat.PACKED else None
        self.way: Requantizer | _Numbers
        if output in (OutputFormat.PACKED, OutputFormat.RESULTS):
            self.way = Requantizer(timing, self._keep if self.packer is None else self.packer.push)
        else:
            self.way = _Numbers(timing, output == OutputFormat.BFLOAT16, self._leave)
        self._arrange()

    def _arrange(self) -> None:
        stages = (self.finisher, self.way)
        self.parts = (*stages, self.bias) if self.packer is None else (*stages, self.packer, self.bias)

    def panel(self, offered: int, rows: int, columns: int, last: bool) -> int:
        """A panel of C passes, the last or not, its beats offered one by one from cycle ``offered`` on.

        Returns
        -------
        int
            The cycle in which the last beat but one was taken: ``offered`` less one if there is none.
        """
        beats = -(-columns // self.columns)
        way = self.way
        open_ports = self.port.always and (not self.adds or self.bias.always)
        if isinstance(way, _Numbers):
            if open_ports:
                return self._unhindered(offered, rows * beats, way.halves and beats > 1)
            if not self.latency:
                return self._direct(offered, rows * beats)
        elif self.jump and open_ports and self.packer is not None and self.whole:
            return self._whole_blocks(self.packer, offered, rows * beats, last)
        self.taken = offered - 1
        self._row(beats, self.adds, last and rows == 1)
        repeat(self, rows - 2, lambda: self._row(beats, False, False), self.jump)
        if rows > 1:
            self._row(beats, False, last)
        return self.before

    def _unhindered(self, offered: int, count: int, joined: bool) -> int:
        time = max(offered, self.open)
        if self.first is None:
            self.first = time + self.latency + joined
        self.taken = time + count - 1
        self.sent = self.taken + self.latency
        return self.taken - 1 if count > 1 else offered - 1

    def _direct(self, offered: int, count: int) -> int:
        time = max(offered, self.open)
        if self.first is None:
            self.first = time
        before = self.port.nth(time, count - 1) if count > 1 else offered - 1
        self.taken = self.sent = self.port.nth(time, count)
        self.blocked += self.sent + 1 - time - count
        return before

    def _whole_blocks(self, packer: BlockPacker, offered: int, count: int, last: bool) -> int:
        """Blocks enter the requantizer no sooner than they leave it, so nothing waits; a part of one behind them might."""
        timing = self.timing
        time = max(offered, self.open)
        self.taken = time + count - 1
        per_block = self.block_size // self.columns
        passed = time - 1 + timing.finisher_cycles + timing.requantizer_cycles + timing.quantizer_cycles

        def packed(number: int) -> int:
            """The cycle in which a beat of words is there that this beat of blocks completes."""
            block, beat = divmod(number, timing.block_beats)
            return passed + (block + 1) * per_block + beat + timing.block_packer_cycles

        beats = count // per_block * timing.block_beats
        first, spills = packer.fill(beats, timing.block_beats, last)
        self.sent = packed(beats - 1) + spills
        if self.first is None and first is not None:
            self.first = min(packed(first), self.sent)
        return self.taken - 1 if count > 1 else offered - 1

    def _row(self, beats: int, bias: bool, last: bool) -> None:
        for beat in range(1, beats + 1):
            self._beat(bias, beat == beats, last and beat == beats)

    def _beat(self, bias: bool, row_last: bool, last: bool) -> None:
        way = self.way
        time = max(self.taken + 1, self.open, self.bias.offer if bias else 0)
        self.before = self.taken
        self.taken = self.finisher.push(time, lambda shown: way.push(shown, row_last, last))
        if bias:
            self.bias.free = self.taken + 1

    def _leave(self, shown: int) -> int:
        """A beat at the port."""
        if self.first is None:
            self.first = shown
        self.sent = self.port.nth(shown)
        self.blocked += self.sent - shown
        return self.sent

    def _keep(self, shown: int, start: bool, last: bool) -> int:
        """A beat of blocks on its way to the loader."""
        self.sent = max(shown, self.loading)
        return self.sent

    def moment(self) -> int:
        return self.taken

    def key(self) -> State:
        return self.relative(self.taken)

    def relative(self, reference: int) -> State:
        """The state for beats taken after ``reference``."""
        times = (
            time - reference if time >= reference else -1 for time in (self.open, self.loading, self.taken, self.sent)
        )
        packer = () if self.packer is None else self.packer.relative(reference)
        stages = (self.finisher.relative(reference), self.way.relative(reference), packer)
        return *times, *stages, self.port.future(reference), self.bias.relative(reference)
