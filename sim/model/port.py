"""Streams at the border of the core: who may pass when."""

from dataclasses import dataclass
from fractions import Fraction

from sim.model.repeat import Stage

__all__ = ["Port", "Rates", "Source"]


@dataclass(frozen=True)
class Rates:
    """Fixed limits of the ports, in beats per cycle, spread evenly.

    C may leave in the cycles in which its port is open. The others bring a beat in the first such cycle after the beat
    before has passed, and offer it until it passes. ``operands`` is that of one port for A and B, which then brings the
    operands of one command after another, A first; ``a`` and ``b`` do not count.

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


class Source(Port, Stage):
    """A stream into the core, or what brings several. Member ``free``: cycle from which its next beat may be brought."""

    TIMES = ("free",)

    def __init__(self, rate: Fraction, free: int = 0, shared: bool = False):
        super().__init__(rate)
        self.always = self.always and not shared
        self.free = free

    @property
    def offer(self) -> int:
        """The cycle from which the next beat is on offer."""
        return self.nth(self.free)

    def take(self, time: int) -> int:
        """The next beat passes as soon as it is on offer from cycle ``time`` on. Returns the cycle."""
        time = max(time, self.offer)
        self.free = time + 1
        return time

    def relative(self, reference: int) -> tuple[int, int]:
        """The state for beats taken from ``reference`` on."""
        return self.phase(reference), 0 if self.always else max(0, self.offer - reference)
