"""Streams at the border of the core: who may pass when."""

from collections import deque
from dataclasses import dataclass
from fractions import Fraction

from sim.model.repeat import Stage, State

__all__ = ["Port", "Rates", "Source"]


@dataclass(frozen=True)
class Rates:
    """Fixed limits of the ports, in beats per cycle, spread evenly.

    C may leave in the cycles in which its port is open. The others bring a beat in the first such cycle after the beat
    before has passed, and offer it until it passes. ``operands`` is that of one port for A and B, which then brings the
    operands of one command after another, A first unless it is held longer; ``a`` and ``b`` do not count.

    Raises
    ------
    ValueError
        for a rate out of range.
    """

    command: Fraction = Fraction(1)
    a: Fraction = Fraction(1)
    b: Fraction = Fraction(1)
    c: Fraction = Fraction(1)
    bias: Fraction = Fraction(1)
    operands: Fraction | None = None

    def __post_init__(self) -> None:
        for name, rate in vars(self).items():
            if rate is not None and not 0 < rate <= 1:
                raise ValueError(f"rate of {name} must be above 0 and at most 1, not {rate}")

    @classmethod
    def even(cls, share: object) -> "Rates":
        """The same share of cycles, such as 1/4 or 0.25, for the streams of A, B and C.

        Raises
        ------
        ValueError
            naming ``port_rate`` and the value.
        """
        try:
            rate = Fraction(str(share))
        except (ValueError, ZeroDivisionError):
            raise ValueError(f"port_rate must be a number such as 1/4 or 0.25, not {share}") from None
        if not 0 < rate <= 1:
            raise ValueError(f"port_rate must be above 0 and at most 1, not {share}")
        return cls(a=rate, b=rate, c=rate)


class Port:
    """A stream that is open in cycle ``t`` when ``t * numerator % denominator < numerator``.

    So its opening ``n`` (from 0) is in cycle ``ceil(n * denominator / numerator)``.
    """

    def __init__(self, rate: Fraction):
        self.set_rate(rate)

    def set_rate(self, rate: Fraction) -> None:
        """Change the rate; openings count from reset all the same."""
        self.numerator, self.denominator = rate.numerator, rate.denominator
        self.always = rate == 1

    def opened(self, time: int) -> int:
        """Openings before cycle ``time``."""
        return (time - 1) * self.numerator // self.denominator + 1

    def nth(self, time: int, count: int = 1) -> int:
        """The ``count``-th cycle from ``time`` on in which the stream is open."""
        if self.always:
            return time + count - 1
        return -(-(self.opened(time) + count - 1) * self.denominator // self.numerator)

    def phase(self, time: int) -> int:
        """Two cycles of the same phase see the same future."""
        return 0 if self.always else time * self.numerator % self.denominator

    def future(self, time: int) -> tuple[int, int, int]:
        """Two cycles of two ports of the same future see the same openings."""
        return self.numerator, self.denominator, self.phase(time)


class Source(Port, Stage):
    """A stream into the core, or what brings several.

    Attributes
    ----------
    free
        cycle from which its next beat may be brought.
    changes, rates
        cycles from which it has other rates, and these.
    """

    TIMES = ("free", "changes")
    PLACES = ("numerator", "denominator", "always", "rates")

    def __init__(self, rate: Fraction, free: int = 0, shared: bool = False):
        super().__init__(rate)
        self.free, self.shared = free, shared
        self.changes: deque[int] = deque()
        self.rates: tuple[Fraction, ...] = ()

    def change(self, rate: Fraction, time: int) -> None:
        """Another rate from cycle ``time`` on, which no change before is later than."""
        self.changes.append(time)
        self.rates += (rate,)

    def hold(self, time: int) -> None:
        """The next beat is not brought before cycle ``time``."""
        self.free = max(self.free, time)

    @property
    def offer(self) -> int:
        """The cycle from which the next beat is on offer."""
        offer = self.nth(self.free)
        while self.changes and offer >= self.changes[0]:
            self.hold(self.changes.popleft())
            self.set_rate(self.rates[0])
            self.rates = self.rates[1:]
            offer = self.nth(self.free)
        return offer

    def steady(self, time: int) -> bool:
        """Whether a beat for one operand is on offer in every cycle from ``time`` on."""
        return self.always and not self.shared and not self.changes and self.free <= time

    def take(self, time: int) -> int:
        """The next beat passes as soon as it is on offer from cycle ``time`` on. Returns the cycle."""
        time = max(time, self.offer)
        self.free = time + 1
        return time

    def relative(self, reference: int) -> State:
        """The state for beats taken from ``reference`` on."""
        state = *self.future(reference), max(0, self.offer - reference)
        if not self.changes:
            return state
        later = zip(self.changes, self.rates, strict=True)
        return *state, *((time - reference, *Port(rate).future(reference)) for time, rate in later)
