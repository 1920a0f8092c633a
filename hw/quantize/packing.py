"""Sizes of packed blocks on their way through ports of whole words."""

from collections.abc import Callable
from dataclasses import dataclass
from math import gcd
from typing import Any

from amaranth.hdl import Module, Mux, Signal, Value

from hw.config import CoreConfig

__all__ = ["WORD_BITS", "Packing", "by_width"]

WORD_BITS = 32


@dataclass(frozen=True)
class Packing:
    """How a machine's packed blocks divide into what moves at once.

    A block is its exponent field and then its mantissas in two's complement, lowest bits first; blocks follow without
    gaps (as ``golden.pack`` writes them). A block's first beat of ``lanes`` mantissas brings the field along.

    Parameters
    ----------
    config
        the machine.
    words
        32-bit words in a beat of the packed stream.
    blocks
        whole blocks that move together, of ``lanes`` mantissas each.

    Raises
    ------
    ValueError
        when a beat of packed words cannot hold ``lanes`` mantissas and a field of each of these.
    """

    config: CoreConfig
    words: int
    blocks: int = 1

    def __post_init__(self) -> None:
        if self.beat_bits < self.most_bits:
            raise ValueError(f"words must be at least {-(-self.most_bits // WORD_BITS)}, not {self.words}")

    @property
    def beat_bits(self) -> int:
        """Bits of a beat of the packed stream."""
        return WORD_BITS * self.words

    def bits(self, mantissa_width: int, start: bool) -> int:
        """Bits of ``lanes`` mantissas, with the block's field in front when they ``start`` it; of all ``blocks``."""
        return self.blocks * (self.config.lanes * mantissa_width + (self.config.exponent_width if start else 0))

    def granules(self, mantissa_width: int, start: bool) -> int:
        """``bits`` in granules."""
        return self.bits(mantissa_width, start) // self.granule

    @property
    def most_bits(self) -> int:
        """Most bits that ``bits`` can be."""
        return self.bits(self.config.mantissa_widths[-1], True)

    @property
    def chunk_bits(self) -> int:
        """Bits moved at once between words and blocks: the beat, halved while a half holds ``most_bits``."""
        chunk = self.beat_bits
        while chunk % 2 == 0 and chunk // 2 >= self.most_bits:
            chunk //= 2
        return chunk

    @property
    def chunks(self) -> int:
        """Chunks of a beat."""
        return self.beat_bits // self.chunk_bits

    @property
    def granule(self) -> int:
        """Bits that divide all the sizes above: shifters work in steps of it."""
        sizes = [self.config.lanes * width for width in self.config.mantissa_widths]
        return gcd(self.config.exponent_width, self.chunk_bits, *sizes)

    @property
    def capacity(self) -> int:
        """Granules of a buffer that has less than one transfer left when the other side adds one.

        At most ``most_bits - granule`` bits and a chunk, or at most ``chunk_bits - granule`` and ``most_bits``.
        """
        return (self.most_bits + self.chunk_bits) // self.granule - 1

    def choose(self, width: Value, start: Value, choice: Callable[[int, bool], Any]) -> Value:
        """``choice(mantissa_width, start)`` for the width asked for and whether a block starts."""
        return by_width(self.config, width, lambda w: Mux(start, choice(w, True), choice(w, False)))

    def lift(self, m: Module, value: Value, granules: Value, most: int) -> Value:
        """``value`` moved up by fewer than ``most`` granules."""
        for stage in range((most - 1).bit_length()):
            amount = self.granule << stage
            lifted = Signal(len(value) + amount, name=f"lifted_{stage}")
            m.d.comb += lifted.eq(Mux(granules[stage], value << amount, value))
            value = lifted
        return value


def by_width(config: CoreConfig, width: Value, choice: Callable[[int], Any]) -> Value:
    """``choice(mantissa_width)`` for the width asked for; no choice and no hardware where the machine has one width."""
    *narrow, widest = config.mantissa_widths
    chosen = choice(widest)
    for narrower in narrow:
        chosen = Mux(width == narrower, choice(narrower), chosen)
    return chosen
