"""Streams at the border of the core: who may pass when."""

from dataclasses import dataclass
from fractions import Fraction

__all__ = ["Port", "Rates"]


@dataclass(frozen=True)
class Rates:
    """Fixed limits of the ports: the share of cycles in which a beat may pass, spread evenly."""

    command: Fraction = Fraction(1)
    a: Fraction = Fraction(1)
    b: Fraction = Fraction(1)
    c: Fraction = Fraction(1)


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
