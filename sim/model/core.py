"""The core: cycles and counters of any sequence of commands."""

from collections import deque
from collections.abc import Callable, Iterable
from functools import partial
from typing import NamedTuple

from hw.command import OperandFormat, OutputFormat
from hw.config import CoreConfig
from hw.timing import Timing
from sim.model.decoder import Decoder
from sim.model.loader import Load, Loader
from sim.model.port import Port, Rates, Source
from sim.model.repeat import Stage, State, repeat
from sim.model.sequencer import Sequencer
from sim.network.plan import Command, Loop

__all__ = ["CoreModel", "Progress"]


class Progress(NamedTuple):
    """When a command passes the stages, in cycles since reset.

    Attributes
    ----------
    sent
        it leaves the decoder.
    load_a, load_b
        its loads, None where it has none.
    accepted, issued
        the sequencer takes it; it issues the last step.
    store
        the first beat of C is offered, the last one has passed; None where C stays.
    """

    sent: int
    load_a: Load | None
    load_b: Load | None
    accepted: int
    issued: int
    store: tuple[int, int] | None


class _Pending(Stage):
    """A product that was accepted and not issued, because its results go where the next command will say."""

    TIMES = ("sent", "accepted")

    def __init__(self, command: Command, sent: int, loads: tuple[Load | None, Load | None], accepted: int):
        self.command, self.sent, self.loads, self.accepted = command, sent, loads, accepted


class CoreModel(Stage):
    """A core from reset on, with nothing but its time.

    Exact, to the cycle, for any commands, of every format, and for streams that always have data or room but for their
    rate and for operands that are held until results before have left. It does not decide which commands the core refuses:
    ``Command.refused`` says so, and such a command costs the time of its decoding.
    Each command is worked out once, stage by stage, as a maximum of the cycles that it waits for; runs of equal work end
    as soon as the machine is in a state it was in before.

    Parameters
    ----------
    config
        the machine.
    rates
        of its ports.
    jump
        whether repeated work is worked out only until it is periodic; the result is the same.
    observe
        is called with the progress of each command done, in order; it makes sense with ``jump=False`` or without
        loops.
    latency
        cycles that results take to come back as operands.

    Attributes
    ----------
    left
        cycle in which the last beat of C so far has passed its port, in this run; -1 before.
    stored
        how many C have.
    holds
        cycles before which the next command's A and B are not brought.
    """

    TIMES = ("active_until", "accepted", "left", "holds")
    COUNTS = ("active", "stored")

    def __init__(
        self,
        config: CoreConfig,
        rates: Rates = Rates(),  # noqa: B008
        jump: bool = True,
        observe: Callable[[Progress], object] | None = None,
        latency: int = 0,
    ):
        timing = Timing(config)
        self.config = config
        self.jump = jump
        self.observe = observe
        self.latency = latency
        self.decoder = Decoder(timing)
        self.loader_a, self.loader_b = Loader(timing, jump), Loader(timing, jump)
        self.sequencer = Sequencer(timing, jump)
        self.output = self.sequencer.results.output
        self.cycles = self.active = 0
        self.count_cycles, self.fetch_cycles = timing.count_cycles, timing.fetch_cycles
        self.active_until = self.accepted = self.left = -1
        self.holds = deque((0, 0))
        self.stored = 0
        self.pending: _Pending | None = None
        self.set_rates(rates)

    def set_rates(self, rates: Rates) -> None:
        """Change the rates of the ports between two runs; their openings count from reset all the same."""
        self.commands, self.port_a, self.port_b = (Source(rate) for rate in (rates.command, rates.a, rates.b))
        if rates.operands is not None:
            self.port_a = self.port_b = Source(rates.operands, shared=True)
        self.output.set_ports(Port(rates.c), Source(rates.bias))
        self._keep(self.pending)

    def deal(self, rates: Rates) -> None:
        """Change the rates of A, B and C within a run once the C of the command before, which leaves, has passed.

        Raises
        ------
        ValueError
            if one port for both operands were to become two, or two one.
        """
        if (self.port_a is self.port_b) != (rates.operands is not None):
            raise ValueError("rates within a run must all have one port for both operands, or all two")
        changes = {self.port_a: rates.a, self.port_b: rates.b} if rates.operands is None else {self.port_a: rates.operands}
        for port, rate in changes.items():
            port.change(rate, self.left + 1)
        self.output.port.set_rate(rates.c)

    def hold(self, a: int = -1, b: int = -1) -> None:
        """Hold the next command's operands until results are back that had ``left`` in these cycles, -1 for none.

        With one port for both, the one that is held longer comes last.
        """
        self.holds = deque(0 if left < 0 else left + 1 + self.latency for left in (a, b))

    def _keep(self, pending: _Pending | None) -> None:
        """Keep a product whose results wait in the core, or none."""
        self.pending = pending
        ports = dict.fromkeys((self.commands, self.port_a, self.port_b))
        parts = (self.decoder, self.loader_a, self.loader_b, self.sequencer, *ports)
        self.parts = parts if pending is None else (*parts, pending)

    def run(self, commands: Iterable[Command | Loop]) -> int:
        """Run commands back to back until the core is idle again. Returns the cycles taken.

        Each is taken from ``commands`` when those before are worked out, so these may look at ``left`` meanwhile, and
        ``hold`` operands of the next one or ``deal`` anew.

        Raises
        ------
        ValueError
            for results that are kept for a command that does not come, or asked for and not there.
        """
        start = self.cycles
        for port in (self.commands, self.port_a, self.port_b, self.output.bias):
            port.free = start
        self.left = -1
        self.hold()
        self.empty = True
        self._items(commands)
        if self.pending is not None:
            raise ValueError("the last command leaves its results in the core, for a command that does not come")
        if not self.empty:
            self.cycles = max(self.sequencer.now, self.output.sent + 1, self.decoder.sent + 1) + self.count_cycles
        return self.cycles - start

    def _items(self, items: Iterable[Command | Loop]) -> None:
        for item in items:
            if isinstance(item, Loop):
                left, stored = self.left, self.stored
                repeat(self, item.count, partial(self._items, item.body), self.jump)
                if self.stored == stored:
                    self.left = left
            else:
                self.step(item)

    def step(self, command: Command) -> None:
        """The next command's way through the core."""
        self.empty = False
        if command.refused:
            self.decoder.refuse(self.commands, self.cycles)
            return
        if (self.pending is not None) != (command.load_a and command.format_a == OperandFormat.RESULTS):
            raise ValueError("a command takes A from the results before if, and only if, they were kept for it")
        sent = self.decoder.job(self.commands, self.cycles)
        in_order = "ba" if self.holds[0] > self.holds[1] else "ab"
        loads = {name: self._load(name, sent, command) for name in in_order if getattr(command, f"load_{name}")}
        load_a, load_b = loads.get("a"), loads.get("b")
        self.hold()
        full = max((load.full for load in (load_a, load_b) if load is not None), default=0)
        # The sequencer has a register for the next product, which is free when that one is accepted.
        fetched = max(sent + 1, self.accepted)
        of_b = load_b is not None and load_b.full == full > (0 if load_a is None else load_a.full)
        accepted = self.accepted = self.sequencer.accept(fetched + self.fetch_cycles, full, of_b)
        self.decoder.products.reads.append(fetched)
        for load, loader in ((load_a, self.loader_a), (load_b, self.loader_b)):
            if load is not None:
                loader.take(accepted)
        product = _Pending(command, sent, (load_a, load_b), accepted)
        if command.store and command.output == OutputFormat.RESULTS:
            self._keep(product)
        else:
            self._issue(product)

    def _load(self, name: str, sent: int, command: Command) -> Load:
        """The load of A ("a") or B ("b")."""
        loader, port, queue = (
            (self.loader_a, self.port_a, self.decoder.loads_a) if name == "a"
            else (self.loader_b, self.port_b, self.decoder.loads_b)
        )  # fmt: skip
        form, width = getattr(command, f"format_{name}"), getattr(command, f"width_{name}")
        start = loader.start(sent + 1)
        queue.reads.append(start)
        product = self.pending
        if form != OperandFormat.RESULTS or product is None:  # ``step`` has checked that there is one
            port.hold(self.holds[name == "b"])
            lines = command.columns if name == "b" else command.rows
            if name == "a" and (walk := command.walk) is not None:
                return loader.load(port, start, walk.positions, walk.channels, form, width, command.rows)
            return loader.load(port, start, lines, command.inner, form, width)
        self._keep(None)
        self._issue(product, start + 1)
        return loader.filled(start, self.output.sent)

    def _issue(self, product: _Pending, loading: int = -1) -> None:
        """All steps of a product; if its results stay, the loader of A takes them from cycle ``loading`` on."""
        command, sequencer = product.command, self.sequencer
        if command.store:
            self.output.begin(command.output, command.width_c, command.bias, command.columns, loading)
        sequencer.issue(command)
        issued = sequencer.now - 1
        end = max(issued, sequencer.results.newest)
        self.active += max(0, end - max(product.accepted, self.active_until))
        self.active_until = max(self.active_until, end)
        leaves = command.store and command.output != OutputFormat.RESULTS
        if leaves:
            self.left = self.output.sent
            self.stored += 1
        if self.observe is not None:
            first = self.output.first
            store = (first, self.output.sent + 1) if leaves and first is not None else None
            self.observe(Progress(product.sent, *product.loads, product.accepted, issued, store))

    @property
    def counters(self) -> dict[str, int]:
        """The core's cycle counters, by their names in the core, which however stay at ``2**COUNTER_WIDTH - 1``."""
        sequencer = self.sequencer
        return {
            "cycles": self.cycles,
            "busy": sequencer.busy,
            "active": self.active,
            "stalled_load": sequencer.stalled_load,
            "stalled_store": sequencer.stalled_store,
            "waited_a": self.loader_a.waited,
            "waited_b": self.loader_b.waited,
            "blocked_output": self.output.blocked,
        }

    @property
    def causes(self) -> dict[str, int]:
        """Where the cycles went: steps, waits for an operand or for the way of results, and the rest.

        Steps of the array; waits for A, for B, for the drain chains, and for a panel of the result buffer (so for the
        output); what remains is decoding, the way of the last results, and slots that run empty.
        """
        sequencer = self.sequencer
        known = {
            "steps": sequencer.busy,
            "A": sequencer.stalled_load - sequencer.waited_b,
            "B": sequencer.waited_b,
            "drain": sequencer.waited_drain,
            "output": sequencer.stalled_store - sequencer.waited_drain,
        }
        return known | {"rest": self.cycles - sum(known.values())}

    def moment(self) -> int:
        return self.sequencer.now

    def key(self) -> State:
        now, sent = self.sequencer.now, self.decoder.sent
        return (
            self.sequencer.key(),
            self.decoder.relative(now),
            self.loader_a.relative(now, sent),
            self.loader_b.relative(now, sent),
            self.active_until - now,
            max(self.accepted, sent + 1) - now,
            self.commands.relative(self.decoder.written + 1),
            *(port.relative(sent + 1) for port in (self.port_a, self.port_b)),
            *(max(0, hold - sent) for hold in self.holds),
            self.holds[0] > self.holds[1],
            self.pending and (self.pending.command, self.pending.accepted - now),
        )
