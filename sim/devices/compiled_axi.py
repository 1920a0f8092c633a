"""A core on AXI without the bus: compiled by Verilator, its registers and streams called from Python."""

import ctypes
from dataclasses import replace
from pathlib import Path

import numpy as np

from hw.config import CoreConfig
from sim.devices.packets import Words
from sim.rtl.library import load_library

__all__ = ["CompiledAxi"]

SHIM = Path(__file__).with_name("axi_port.cpp")
STREAMS = {"a": 0, "b": 1, "bias": 2}
PATIENCE = 1000
"""Cycles that a call waits for results."""


class CompiledAxi:
    """Transport of ``sim.devices.driver.RegisterDevice``: the clock runs during its calls, streams move whenever they can.

    Parameters
    ----------
    config
        the machine; the datapath is always behavioral.
    bus_width
        bits of the streams.
    quick
        compile without optimization, for short runs.

    Raises
    ------
    sim.rtl.core.RtlError
        if it does not compile.
    """

    def __init__(self, config: CoreConfig, bus_width: int = 128, quick: bool = False):
        from hw.bus.axi_core import AxiCore

        component = AxiCore(replace(config, datapath="behavioral"), bus_width)
        defines = ["-DHAS_BIAS"] if "bias" in config.features else []
        library = load_library(component, SHIM, "axi", component.module_name, defines, quick)
        words = ctypes.POINTER(ctypes.c_uint32)
        library.axi_open.restype = ctypes.c_void_p
        library.axi_cycles.restype = ctypes.c_uint64
        for name, *arguments in (
            ("axi_close",), ("axi_cycles",), ("axi_flush",), ("axi_stall", ctypes.c_uint32),
            ("axi_access", ctypes.c_int, ctypes.c_int, words),
            ("axi_send", ctypes.c_int, ctypes.c_void_p, ctypes.c_int, ctypes.c_int),
            ("axi_receive", ctypes.c_void_p, ctypes.c_int, ctypes.c_int),
        ):  # fmt: skip
            getattr(library, name).argtypes = [ctypes.c_void_p, *arguments]
        self._library = library
        self._beat = bus_width // 32
        self._handle: int | None = library.axi_open()

    def __del__(self) -> None:
        if getattr(self, "_handle", None):
            self._library.axi_close(self._handle)
            self._handle = None

    @property
    def cycles(self) -> int:
        """Clock cycles so far."""
        return int(self._library.axi_cycles(self._handle))

    def stall(self, seed: int) -> None:
        """From now on each stream rests in half of its cycles, at random from a 32-bit ``seed``; 0: none does."""
        self._library.axi_stall(self._handle, seed)

    def read(self, offset: int, count: int = 1, fixed: bool = False) -> list[int]:
        """Up to ``count`` words from a register on, or from it alone; fewer if one was refused."""
        words: list[int] = []
        for index in range(count):
            word = ctypes.c_uint32()
            if self._library.axi_access(self._handle, 0, offset + 4 * index * (not fixed), ctypes.byref(word)):
                break
            words.append(word.value)
        return words

    def write(self, offset: int, words: list[int], fixed: bool = False) -> int:
        """Write words from a register on, or all to it; returns how many were taken."""
        for index, word in enumerate(words):
            value = ctypes.c_uint32(word)
            if self._library.axi_access(self._handle, 1, offset + 4 * index * (not fixed), ctypes.byref(value)):
                return index
        return len(words)

    def parts(self, name: str, packets: list[Words]) -> list[Words]:
        """What ``send`` takes one after another: packets."""
        return packets

    def send(self, name: str, packet: Words) -> int:
        """Line up a packet; returns its words, all of which are taken."""
        words = np.ascontiguousarray(packet, np.uint32)
        self._library.axi_send(self._handle, STREAMS[name], words.ctypes.data, len(words), self._beat)
        return len(words)

    def receive(self, count: int) -> list[int]:
        """Up to ``count`` words of C, after at most ``PATIENCE`` cycles."""
        words = np.empty(count, np.uint32)
        received: list[int] = words[
            : self._library.axi_receive(self._handle, words.ctypes.data, count, PATIENCE)
        ].tolist()
        return received

    def flush(self) -> None:
        """Drop packets that still wait, and words of C that nobody fetched."""
        self._library.axi_flush(self._handle)
