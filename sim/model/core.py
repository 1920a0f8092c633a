"""The core: cycles and counters of any sequence of commands."""

from collections.abc import Callable, Iterable
from typing import NamedTuple

from hw.config import CoreConfig
from hw.timing import Timing
from sim.model.decoder import Decoder
from sim.model.loader import Load, Loader
from sim.model.port import Port, Rates
from sim.model.repeat import Stage, repeat
from sim.model.sequencer import Sequencer
from sim.plan import Command, Loop

__all__ = ["CoreModel", "Progress"]


class Progress(NamedTuple):
    """When a command passes the stages, in cycles since reset.

    Members
    -------
    sent : it leaves the decoder. load_a, load_b : its loads, None where it has none.
    accepted, issued : the sequencer takes it; it issues the last step.
    store : the first beat of C is offered, the last one has passed; None where C stays.
    """

    sent: int
    load_a: Load | None
    load_b: Load | None
    accepted: int
    issued: int
    store: tuple[int, int] | None


class CoreModel(Stage):
    """A core from reset on, with nothing but its time.

    Exact, to the cycle, for commands that the core accepts, with operands from its streams and C in FP32 to its
    stream, and for ports that are never empty or full but for their rate. Each command is worked out once, stage by
    stage, as a maximum of the cycles that it waits for; runs of equal work end as soon as the machine is in a state it
    was in before.

    Parameters
    ----------
    config : the machine. rates : of its ports.
    jump : whether repeated work is worked out only until it is periodic; the result is the same.
    """

    TIMES = ("active_until",)
    COUNTS = ("active",)

    def __init__(self, config: CoreConfig, rates: Rates = Rates(), jump: bool = True):  # noqa: B008
        timing = Timing(config)
        self.config = config
        self.jump = jump
        self.decoder = Decoder(timing)
        self.loader_a, self.loader_b = Loader(timing, jump), Loader(timing, jump)
        self.sequencer = Sequencer(timing, jump)
        self.parts = (self.decoder, self.loader_a, self.loader_b, self.sequencer)
        self.cycles = self.active = 0
        self.active_until = -1
        self.set_rates(rates)

    def set_rates(self, rates: Rates) -> None:
        """Change the rates of the ports; their openings count from reset all the same."""
        self.port_command, self.port_a, self.port_b = Port(rates.command), Port(rates.a), Port(rates.b)
        self.sequencer.port = Port(rates.c)

    def run(self, commands: Iterable[Command | Loop], observe: Callable[[Progress], None] | None = None) -> int:
        """Run commands back to back until the core is idle again. Returns the cycles taken.

        ``observe`` is called with each command's progress; it makes sense with ``jump=False`` or without loops.
        """
        self.observe = observe
        start = self.cycles
        self.empty = True
        self._items(commands)
        if not self.empty:
            self.cycles = max(self.sequencer.now, self.sequencer.results.output.sent + 1)
        return self.cycles - start

    def _items(self, items: Iterable[Command | Loop]) -> None:
        for item in items:
            if isinstance(item, Loop):
                repeat(self, item.count, lambda body=item.body: self._items(body), self.jump)
            else:
                progress = self.step(item)
                if self.observe is not None:
                    self.observe(progress)

    def step(self, command: Command) -> Progress:
        """The next command's way through the core."""
        self.empty = False
        decoder, sequencer = self.decoder, self.sequencer
        sent = decoder.job(self.port_command, self.cycles)
        load_a = load_b = None
        operands = 0
        if command.load_a:
            packed = command.width_a if command.packed_a else 0
            load_a = self.loader_a.load(self.port_a, sent + 1, command.rows, command.inner, packed)
            decoder.loads_a.reads.append(load_a.start)
            operands = load_a.full
        if command.load_b:
            packed = command.width_b if command.packed_b else 0
            load_b = self.loader_b.load(self.port_b, sent + 1, command.columns, command.inner, packed)
            decoder.loads_b.reads.append(load_b.start)
            operands = max(operands, load_b.full)
        sequencer.results.first = None
        accepted = sequencer.product(command, sent + 1, operands)
        decoder.products.reads.append(accepted)
        if command.load_a:
            self.loader_a.take(accepted)
        if command.load_b:
            self.loader_b.take(accepted)
        issued, results = sequencer.now - 1, sequencer.results
        end = max(issued, results.newer)
        self.active += max(0, end - max(accepted, self.active_until))
        self.active_until = max(self.active_until, end)
        store = (results.first, results.output.sent + 1) if command.store else None
        return Progress(sent, load_a, load_b, accepted, issued, store)

    @property
    def counters(self) -> dict[str, int]:
        """The core's cycle counters, by their names in the core."""
        sequencer = self.sequencer
        return {
            "cycles": self.cycles,
            "busy": sequencer.busy,
            "active": self.active,
            "stalled_load": sequencer.stalled_load,
            "stalled_store": sequencer.stalled_store,
            "waited_a": self.loader_a.waited,
            "waited_b": self.loader_b.waited,
            "blocked_output": sequencer.results.output.blocked,
        }

    def moment(self) -> int:
        return self.sequencer.now

    def key(self) -> tuple:
        now, sent = self.sequencer.now, self.decoder.sent
        return (
            self.sequencer.key(),
            self.decoder.relative(now),
            self.loader_a.relative(now, sent),
            self.loader_b.relative(now, sent),
            self.active_until - now,
            *(port.phase(now) for port in (self.port_command, self.port_a, self.port_b)),
        )
