"""Emission: one module for each name, and what happens when a name stands for two."""

import re

import pytest
from amaranth.hdl import Module, Signal
from amaranth.lib import data
from amaranth.lib.wiring import Component, In, Out

from hw.core.ram import Ram
from hw.emit import Emitter, emit, emit_verilog, place, ports_of


class Adder(Component):
    """``o = i + constant``, one cycle later if ``registered``; the name may hide any of that."""

    def __init__(self, name: str, width: int = 4, constant: int = 1, registered: bool = False):
        self.module_name, self.constant, self.registered = name, constant, registered
        super().__init__({"i": In(width), "o": Out(width)})

    def elaborate(self, platform):
        m = Module()
        m.d["sync" if self.registered else "comb"] += self.o.eq(self.i + self.constant)
        return m


class Chain(Component):
    """Components one behind the other."""

    module_name = "chain"

    def __init__(self, *links):
        self.links = links
        super().__init__({"i": In(4), "o": Out(4)})

    def elaborate(self, platform):
        m, value = Module(), self.i
        for number, link in enumerate(self.links):
            part = place(m, platform, f"link_{number}", link)
            m.d.comb += part.i.eq(value)
            value = part.o
        m.d.comb += self.o.eq(value)
        return m


def modules(text: str) -> list[str]:
    return re.findall(r"^module (\w+) ?\(", text, re.MULTILINE)


def test_equal_components_are_one_module():
    text = emit_verilog(Chain(Adder("one"), Adder("one"), Adder("two", constant=2)))
    assert sorted(modules(text)) == ["chain", "one", "two"]
    assert len(re.findall(r"^  one link_\d \(", text, re.MULTILINE)) == 2


UNUSED = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
"""Amaranth tells of modules that an error left unused."""


@UNUSED
def test_a_name_for_two_interfaces_is_refused():
    emitter = emit(Adder("adder"))
    with pytest.raises(RuntimeError, match=r"^module_name adder stands for two components$"):
        emitter.add(Adder("adder", width=5))
    with pytest.raises(RuntimeError, match=r"^module_name chain stands for two components$"):
        emit(Chain(Adder("chain")))


@UNUSED
def test_a_name_for_two_texts_is_refused_where_they_are_compared():
    """Comparing costs an elaboration for each instance, so it is asked for; ports alone do not tell."""
    emit(Chain(Adder("adder"), Adder("adder", constant=2)))
    with pytest.raises(RuntimeError, match=r"^module_name adder stands for two components$"):
        Emitter(compare=True).add(Chain(Adder("adder"), Adder("adder", constant=2)))
    Emitter(compare=True).add(Chain(Adder("adder"), Adder("adder")))


def test_text_given_as_verilog_is_always_compared():
    emitter = emit(Ram(2, 3, 3))
    emitter.add(Ram(2, 3, 3))
    emitter.verilog["ram_2x3_3"] += "// another"
    with pytest.raises(RuntimeError, match=r"^module_name ram_2x3_3 stands for two components$"):
        emitter.add(Ram(2, 3, 3))


def test_prefix_is_before_every_name():
    text = emit_verilog(Chain(Adder("one"), Adder("two", constant=2)), prefix="acme_")
    assert sorted(modules(text)) == ["acme_chain", "acme_one", "acme_two"]
    assert len(re.findall(r"^  acme_(?:one|two) link_\d \(", text, re.MULTILINE)) == 2
    assert modules(emit_verilog(Ram(2, 3, 4), prefix="acme_")) == ["acme_ram_2x3_4"]


def test_only_what_has_registers_gets_a_clock():
    assert emit(Adder("plain")).clocks("plain") == []
    assert emit(Adder("kept", registered=True)).clocks("kept") == ["clk", "rst"]
    assert emit(Ram(1, 8, 4)).clocks("ram_1x8_4") == ["clk"]


def test_header_is_a_comment():
    text = emit_verilog(Adder("one"), "first\nsecond")
    assert text.startswith("// first\n// second\n")
    assert text.endswith("\n")


def test_ports_are_flat_and_have_bits():
    class Wide(Component):
        def __init__(self):
            layout = data.StructLayout({"low": 3, "high": 2})
            super().__init__({"i": In(layout), "none": In(0), "o": Out(range(5)).array(2)})

    ports = [(name, flow, len(value)) for name, flow, value in ports_of(Wide())]
    assert ports == [("i", "in", 5), ("o__0", "out", 3), ("o__1", "out", 3)]


def test_names_of_fields_are_left_out():
    """They would be most of the text; nothing but their own connection uses them."""

    class Fields(Component):
        module_name = "fields"

        def __init__(self):
            super().__init__({"i": In(data.StructLayout({"low": 3, "high": 2})), "o": Out(5)})

        def elaborate(self, platform):
            m = Module()
            copy = Signal(self.i.shape())
            m.d.comb += [copy.eq(self.i), self.o.eq(copy.low + copy.high)]
            return m

    emitter = emit(Fields())
    assert "copy" in emitter.modules["fields"]
    assert ".low" not in emitter.modules["fields"]
