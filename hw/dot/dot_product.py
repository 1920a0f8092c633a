"""The exact dot product of two slices of blocks, in several bodies of one contract."""

from amaranth.hdl import Cat, Module, Mux, Signal, signed
from amaranth.lib import data
from amaranth.lib.wiring import Component, In, Out

from hw.config import DATAPATHS, signed_width
from hw.dot.carry_chain import carry_chain_sum, table_products
from hw.dot.compressor_tree import CompressorTree
from hw.dot.packed_product import packed_sum
from hw.dot.product import Product
from hw.emit import place
from hw.names import named
from hw.types import sign_magnitude

__all__ = ["DotProduct"]


class DotProduct(Component):
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
        self, mantissa_width: int, dot: int, datapath: str = "structural", cycles: int = 0, addend_width: int = 0
    ):
        if datapath not in DATAPATHS:
            raise ValueError(f"datapath must be one of {', '.join(DATAPATHS)}, not {datapath}")
        self.mantissa_width, self.dot, self.datapath, self.cycles = mantissa_width, dot, datapath, cycles
        self.bound = dot * (2 ** (mantissa_width - 1) - 1) ** 2
        if addend_width and cycles and datapath == "structural":
            raise ValueError(f"cycles must be 0 with an addend, not {cycles}")
        self.addend_width = addend_width
        self.sum_width = addend_width or signed_width(-self.bound, self.bound)
        self.module_name = named("dot_product", m=mantissa_width, d=dot, c=cycles, a=addend_width, body=datapath)
        addend = {"addend": In(signed(addend_width))} if addend_width else {}
        operands = data.ArrayLayout(sign_magnitude(mantissa_width), dot)
        super().__init__({"a": In(operands), "b": In(operands), **addend, "sum": Out(signed(self.sum_width))})

    def elaborate(self, platform):
        m = Module()
        if self.datapath == "structural":
            self._structural(m, platform)
        elif self.datapath == "behavioral":
            self._behavioral(m)
        else:
            rest = self.cycles, self.addend if self.addend_width else None, self.sum_width
            if self.datapath == "dsp":
                total = packed_sum(m, self.a, self.b, *rest)
            else:
                total = carry_chain_sum(m, table_products(m, self.a, self.b), *rest)
            m.d.comb += self.sum.eq(total)
        return m

    def _structural(self, m, platform):
        tree = place(m, platform, "tree", CompressorTree(self.mantissa_width, self.dot, self.cycles, self.addend_width))
        products = [place(m, platform, f"product{i}", Product(self.mantissa_width)) for i in range(self.dot)]
        for i, product in enumerate(products):
            m.d.comb += [product.a.eq(self.a[i]), product.b.eq(self.b[i])]
        m.d.comb += [
            tree.bits.eq(Cat(product.bits for product in products)),
            tree.signs.eq(Cat(product.sign for product in products)),
            self.sum.eq(tree.sum),
            *([tree.addend.eq(self.addend)] if self.addend_width else []),
        ]

    def _behavioral(self, m):
        terms = []
        for i in range(self.dot):
            a, b = (Mux(x.sign, -x.magnitude, x.magnitude) for x in (self.a[i], self.b[i]))
            term = Signal(signed(2 * self.mantissa_width - 1), name=f"product{i}")
            m.d.comb += term.eq(a * b)
            terms.append(term)
        levels = (self.dot - 1).bit_length()
        ranks = [round(levels * (i + 1) / (self.cycles + 1)) for i in range(self.cycles)]
        for level in range(levels + 1):
            for rank in range(ranks.count(level)):
                registers = [
                    Signal.like(term, name=f"rank{level}_{rank}_{i}", reset_less=True) for i, term in enumerate(terms)
                ]
                m.d.sync += [register.eq(term) for register, term in zip(registers, terms, strict=True)]
                terms = registers
            if level < levels:
                terms = self._add_pairs(m, terms, level)
        m.d.comb += self.sum.eq(terms[0] + self.addend if self.addend_width else terms[0])

    @staticmethod
    def _add_pairs(m, terms, level):
        """Sums of neighbours; a term left over goes up unchanged."""
        pairs = []
        for i in range(0, len(terms) - 1, 2):
            pair = Signal(signed(max(len(terms[i]), len(terms[i + 1])) + 1), name=f"level{level}_{i // 2}")
            m.d.comb += pair.eq(terms[i] + terms[i + 1])
            pairs.append(pair)
        return pairs + terms[2 * len(pairs) :]
