"""Verilog emission: identical components are emitted once and instantiated."""

import gc
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from amaranth.back import rtlil, verilog
from amaranth.hdl import ClockSignal, Instance, Module, ResetSignal, Value, ValueCastable
from amaranth.lib.wiring import Component, In

from hw.lint import waived

__all__ = ["Emitter", "emit", "emit_verilog", "place", "ports_of"]

os.environ.setdefault("AMARANTH_USE_YOSYS", "builtin")  # the pinned one, so that the text is the same on every machine
Component._MustUse__silence = True  # components are also made for their shapes alone; that is no mistake


def ports_of(component: Component) -> list[tuple[str, str, Value]]:
    """Flat ports of a component that have bits, as (name, "in" or "out", value), named as in the emitted Verilog."""
    ports = []
    for path, member, value in component.signature.flatten(component):
        value = value.as_value() if isinstance(value, ValueCastable) else value
        if len(value):
            ports.append(("__".join(map(str, path)), "in" if member.flow == In else "out", value))
    return ports


def place(m: Module, platform: object, name: str, component: Component) -> Component:
    """Add ``component`` to ``m`` as the submodule ``name``: in place for simulation, by instance for emission.

    Every component placed has a ``module_name`` (see ``hw.names``) that is the same for components of the same
    parameters and only for those. Returns the component, whose ports the caller connects.
    """
    m.submodules[name] = platform.instance(component) if isinstance(platform, Emitter) else component
    return component


# A wire named after a field or element of another, such as \\o[2].sign, and its connection: nothing else uses it.
_ALIAS = re.compile(r"^(?:  wire width \d+ (?:signed )?|connect )\\[^\s.\[]+[.\[]\S*(?: .*)?\n+", re.MULTILINE)
# A wire of no bits, which Verilog would take for one of two, and its connection.
_EMPTY = re.compile(r"^(?:  wire width 0 .*|connect \S+ \{  \})\n+", re.MULTILINE)
_TOP = re.compile(r"^attribute \\top 1\n", re.MULTILINE)
_CLOCK = re.compile(r"^  wire (?:width \d+ )?input \d+ +\\(clk|rst)$", re.MULTILINE)


def _without_aliases(text: str) -> str:
    """RTLIL without the names of fields, which are most of it, without empty wires and without the mark of a top."""
    return _TOP.sub("", _EMPTY.sub("", _ALIAS.sub("", text)))


class Emitter:
    """Platform object that collects each distinct component: ``modules`` as RTLIL, ``verilog`` those given as text.

    Parameters
    ----------
    prefix
        put before the name of every module.
    compare
        elaborate also components whose names are there already, and compare the texts. Emission then takes as long as
        if nothing were shared, so this is for tests; classes, ports and texts given as Verilog are always compared.
    """

    def __init__(self, prefix: str = "", compare: bool = False) -> None:
        self.prefix, self.compare = prefix, compare
        self.modules: dict[str, str] = {}
        self.verilog: dict[str, str] = {}
        self._interfaces: dict[str, tuple[type, Any]] = {}

    def add(self, component: Component) -> str:
        """Elaborate ``component`` unless one of its name is there already; returns the module's name.

        Raises
        ------
        RuntimeError
            if the one there already is another component.
        """
        name: str = self.prefix + component.module_name
        interface = type(component), [(port, flow, len(value)) for port, flow, value in ports_of(component)]
        self._check(name, self._interfaces.setdefault(name, interface) == interface)
        if hasattr(component, "verilog"):
            text = component.verilog(name)
            self._check(name, self.verilog.setdefault(name, text) == text)
        elif name not in self.modules:
            self.modules[name] = ""  # reserves the place, so that parents come before their parts
            self.modules[name] = self._elaborate(component, name)
        elif self.compare:
            self._check(name, self._elaborate(component, name) == self.modules[name])
        return name

    def _check(self, name: str, same: bool) -> None:
        if not same:
            raise RuntimeError(f"module_name {name} stands for two components")

    def _elaborate(self, component: Component, name: str) -> str:
        return _without_aliases(rtlil.convert(component, name=name, platform=self, emit_src=False))

    def clocks(self, name: str) -> list[str]:
        """Which of "clk" and "rst" the module ``name`` has as an input."""
        if name in self.verilog:
            return ["clk"]
        module = self.modules[name].split(f"module \\{name}\n", 1)[1].split("\nend\n", 1)[0]
        return _CLOCK.findall(module)

    def instance(self, component: Component) -> Instance:
        """An instance of ``component`` wired to its own ports."""
        name = self.add(component)
        connections = {f"{'i' if flow == 'in' else 'o'}_{port}": value for port, flow, value in ports_of(component)}
        for clock in self.clocks(name):
            connections[f"i_{clock}"] = ClockSignal() if clock == "clk" else ResetSignal()
        return Instance(name, **connections)

    def text(self, header: str = "") -> str:
        """Verilog-2005 of all modules, the same bytes on every run; ``header`` is put in front as comment lines.

        What Verilator would say of it in vain is waived, see ``hw.lint``.
        """
        parts = []
        if self.modules:
            text = verilog._convert_rtlil_text("\n".join(self.modules.values()), strip_internal_attrs=True)
            parts = [re.sub(r"^/\* Generated by .*\*/\n", "", text).strip(), ""]
        comment = "".join(f"// {line}\n" for line in header.splitlines())
        return comment + waived("\n".join([*parts, *self.verilog.values()]))


@contextmanager
def _rare_collections() -> Iterator[None]:
    """Emission makes millions of small objects that live to its end: looking for garbage takes a third of its time."""
    thresholds = gc.get_threshold()
    gc.set_threshold(200_000, 50, 1000)
    try:
        yield
    finally:
        gc.set_threshold(*thresholds)


def emit(component: Component, prefix: str = "", compare: bool = False) -> Emitter:
    """``component`` and everything below it, emitted; ``prefix`` and ``compare`` are those of ``Emitter``."""
    emitter = Emitter(prefix, compare)
    with _rare_collections():
        emitter.add(component)
    return emitter


def emit_verilog(component: Component, header: str = "", prefix: str = "") -> str:
    """Verilog text of ``component`` and everything below it, see ``Emitter``."""
    return emit(component, prefix).text(header)
