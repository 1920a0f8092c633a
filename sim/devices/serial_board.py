"""A board without the board: its top compiled by Verilator, its serial line at a pseudo-terminal."""

import ctypes
import os
import select
import threading
import tty
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Self

from hw.config import CoreConfig
from sim.rtl.library import load_library

__all__ = ["SerialBoard"]

SHIM = Path(__file__).with_name("serial_line.cpp")
DIVISOR = 4
CHUNK = 4000


def _load(config: CoreConfig, quick: bool) -> ctypes.CDLL:
    """The board's top, compiled once per content."""
    from hw.serial.serial_core import SerialCore

    component = SerialCore(replace(config, datapath="behavioral"), DIVISOR)
    return load_library(component, SHIM, "board", component.module_name, quick=quick)


class SerialBoard:
    """Context in which ``port`` names a pseudo-terminal with the machine ``config`` at its other end.

    ``disturb`` may replace the bytes on their way: a function of (bytes, "to" or "from" the board). ``quick`` is that of
    ``sim.rtl.library.load_library``.
    """

    def __init__(
        self, config: CoreConfig, disturb: Callable[[bytes, str], bytes] | None = None, quick: bool = False
    ):  # fmt: skip
        self._library = _load(config, quick)
        self._library.board_open.restype = ctypes.c_void_p
        for name in ("board_close", "board_busy", "board_cycles", "board_run"):
            getattr(self._library, name).argtypes = [ctypes.c_void_p]
        self._library.board_run.argtypes = [
            ctypes.c_void_p, ctypes.c_int, ctypes.c_char_p, ctypes.c_int, ctypes.POINTER(ctypes.c_int),
            ctypes.c_char_p, ctypes.c_int,
        ]  # fmt: skip
        self._library.board_cycles.restype = ctypes.c_uint64
        self.disturb = disturb or (lambda data, way: data)

    def __enter__(self) -> Self:
        self._handle = self._library.board_open(DIVISOR)
        self._master, slave = os.openpty()
        tty.setraw(slave)
        self.port = os.ttyname(slave)
        self._slave = slave
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.unplug()
        self._library.board_close(self._handle)

    def unplug(self) -> None:
        """The port disappears."""
        if self._stop.is_set():
            return
        self._stop.set()
        self._thread.join()
        os.close(self._slave)
        os.close(self._master)

    @property
    def cycles(self) -> int:
        """Clock cycles so far."""
        return int(self._library.board_cycles(self._handle))

    def _run(self) -> None:
        pending, sent, received = b"", ctypes.c_int(), ctypes.create_string_buffer(CHUNK)
        quiet = 0
        while not self._stop.is_set():
            idle = not pending and quiet > 3 and not self._library.board_busy(self._handle)
            if select.select([self._master], [], [], 0.02 if idle else 0)[0]:
                pending += self.disturb(os.read(self._master, 4096), "to")
                quiet = 0
            elif idle:
                continue
            count = self._library.board_run(
                self._handle, CHUNK, pending, len(pending), ctypes.byref(sent), received, CHUNK
            )
            pending = pending[sent.value :]
            quiet = 0 if count else quiet + 1
            if count:
                os.write(self._master, self.disturb(received.raw[:count], "from"))
