"""The exact dot product of two slices of blocks, in several bodies of one contract."""

from typing import Any

from amaranth.hdl import Module, Mux, Signal, signed
from amaranth.lib import data

from hw.config import DATAPATHS, signed_width
from hw.dot.carry_chain import table_products
from hw.dot.compressor_tree import CompressorTree
from hw.dot.product import Product
from hw.dot.sum_of_products import SumOfProducts
from hw.emit import place
from hw.enable import enables_of, load
from hw.names import named
from hw.types import sign_magnitude

__all__ = ["DotProduct"]


class DotProduct(SumOfProducts):
    """``sum = Σ a[i] * b[i]``, exact; or that and ``addend``, modulo ``2**addend_width``.

    Without addend ``|sum| <= dot * (2**(m-1) - 1)**2``, which is what ``sum`` is wide enough for. The structural body is made of
    products and one compressor tree, for chips; the carry-chain body of lookup tables and adders, for FPGAs; the DSP body of
    two products to a multiplier block and the same adders, for FPGAs with such blocks to spare; the behavioral body of
    plain signed arithmetic, for fast simulation. Their equality is proved by the tests.
    Latency is ``cycles``; throughput is one dot product per cycle.

    Parameters
    ----------
    mantissa_width
        m, sign included, 2 … 8.
    dot
        number of products, at least 1.
    datapath
        "structural", "carry_chain", "dsp" or "behavioral".
    cycles
        ranks of registers inside.
    addend_width
        bits of ``addend`` and ``sum``, if there is one; in the structural body only without registers.
    gated
        whether registers load only where their bit of ``enable`` is set.

    Attributes
    ----------
    a, b
        ``dot`` sign-magnitude mantissas each; minus zero counts as zero.
    addend
        signed, in the cycle of the sum.
    sum
        signed.
    """

    def __init__(
        self, mantissa_width: int, dot: int, datapath: str = "structural", cycles: int = 0, addend_width: int = 0,
        gated: bool = False,
    ) -> None:  # fmt: skip
        if datapath not in DATAPATHS:
            raise ValueError(f"datapath must be one of {', '.join(DATAPATHS)}, not {datapath}")
        self.mantissa_width, self.dot, self.datapath = mantissa_width, dot, datapath
        self.bound = dot * (2 ** (mantissa_width - 1) - 1) ** 2
        if addend_width and cycles and datapath == "structural":
            raise ValueError(f"cycles must be 0 with an addend, not {cycles}")
        self.gated = gated and cycles > 0
        self.module_name = named(
            "dot_product", m=mantissa_width, d=dot, c=cycles, a=addend_width, body=datapath, gated=self.gated
        )
        operands = data.ArrayLayout(sign_magnitude(mantissa_width), dot)
        super().__init__(operands, addend_width or signed_width(-self.bound, self.bound), cycles, addend_width, gated)

    def elaborate(self, platform: object) -> Module:
        m = Module()
        if self.datapath == "structural":
            self._structural(m, platform)
        elif self.datapath == "behavioral":
            self._behavioral(m)
        else:
            self.sum_on_fpga(m, self.datapath, lambda: table_products(m, self.a, self.b))
        return m

    def _structural(self, m: Module, platform: object) -> None:
        tree = place(
            m, platform, "tree", CompressorTree(self.mantissa_width, self.dot, self.cycles, self.addend_width, self.gated)
        )
        products = [place(m, platform, f"product{i}", Product(self.mantissa_width)) for i in range(self.dot)]
        self.sum_in_tree(m, products, tree)

    def _behavioral(self, m: Module) -> None:
        terms = []
        for i in range(self.dot):
            a, b = (Mux(x.sign, -x.magnitude, x.magnitude) for x in (self.a[i], self.b[i]))
            term = Signal(signed(2 * self.mantissa_width - 1), name=f"product{i}")
            m.d.comb += term.eq(a * b)
            terms.append(term)
        levels = (self.dot - 1).bit_length()
        ranks = [round(levels * (i + 1) / (self.cycles + 1)) for i in range(self.cycles)]
        enables = iter(enables_of(self, self.cycles))
        for level in range(levels + 1):
            for rank in range(ranks.count(level)):
                registers = [
                    Signal.like(term, name=f"rank{level}_{rank}_{i}", reset_less=True) for i, term in enumerate(terms)
                ]
                enable = next(enables)
                for register, term in zip(registers, terms, strict=True):
                    load(m, register, term, enable)
                terms = registers
            if level < levels:
                terms = self._add_pairs(m, terms, level)
        m.d.comb += self.sum.eq(terms[0] + self.addend if self.addend_width else terms[0])

    @staticmethod
    def _add_pairs(m: Module, terms: Any, level: int) -> Any:
        """Sums of neighbours; a term left over goes up unchanged."""
        pairs = []
        for i in range(0, len(terms) - 1, 2):
            pair = Signal(signed(max(len(terms[i]), len(terms[i + 1])) + 1), name=f"level{level}_{i // 2}")
            m.d.comb += pair.eq(terms[i] + terms[i + 1])
            pairs.append(pair)
        return pairs + terms[2 * len(pairs) :]
