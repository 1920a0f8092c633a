"""The cells a compressor tree is made of, each emitted once; a synthesis flow may map them to a library's own cells."""

from amaranth.hdl import Module
from amaranth.lib.wiring import Component, In, Out

__all__ = ["FullAdder", "HalfAdder", "HalfAdderPlusOne"]


class FullAdder(Component):
    """``sum + 2 * carry = a + b + c``; combinational."""

    module_name = "full_adder"

    def __init__(self) -> None:
        super().__init__({"a": In(1), "b": In(1), "c": In(1), "sum": Out(1), "carry": Out(1)})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.d.comb += [
            self.sum.eq(self.a ^ self.b ^ self.c),
            self.carry.eq((self.a & self.b) | (self.c & (self.a ^ self.b))),
        ]
        return m


class HalfAdder(Component):
    """``sum + 2 * carry = a + b``; combinational."""

    module_name = "half_adder"

    def __init__(self) -> None:
        super().__init__({"a": In(1), "b": In(1), "sum": Out(1), "carry": Out(1)})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.d.comb += [self.sum.eq(self.a ^ self.b), self.carry.eq(self.a & self.b)]
        return m


class HalfAdderPlusOne(Component):
    """``sum + 2 * carry = a + b + 1``, a full adder with a constant one folded in; combinational."""

    module_name = "half_adder_plus_one"

    def __init__(self) -> None:
        super().__init__({"a": In(1), "b": In(1), "sum": Out(1), "carry": Out(1)})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.d.comb += [self.sum.eq(~(self.a ^ self.b)), self.carry.eq(self.a | self.b)]
        return m
