"""A core behind registers as a device, whatever the transport."""

import time

import numpy as np
from numpy.typing import NDArray

from hw.bus.registers import CAPABILITIES, IDENTITY, VERSION, offset_of, register_map
from hw.config import ACCUMULATORS, ROUNDING_MODES, CoreConfig
from hw.core.command import FIELDS, CommandError, Rounding, pack_command
from hw.core.counters import COUNTERS
from sim.beats import _panels, operand_beats
from sim.device import Device, _later
from sim.plan import pieces

__all__ = ["DriverError", "RegisterDevice"]

STATUS = {field.name: field for register in register_map() if register.name == "status" for field in register.fields}
COMMAND_WORDS = sum(register.name.startswith("command_") for register in register_map())


class DriverError(RuntimeError):
    """A machine that is not one of ours, refused a command or does not go on."""


class RegisterDevice(Device):
    """The machine at the other end of a transport.

    A transport has ``read(offset, count, fixed)``, which returns words, and ``write(offset, words, fixed)``, which
    returns how many were taken. The configuration is what the registers say. After an error the machine has been reset
    and can be used again.

    Parameters
    ----------
    transport : for instance ``sim.serial_link.SerialLink``. timeout : seconds a product may make no progress.
    progress : called with (done, total) commands of each product.

    Raises
    ------
    DriverError : if the other end is not a core of this register map.
    """

    def __init__(self, transport, timeout: float = 10.0, progress=None):
        self.transport = transport
        self.timeout = timeout
        self.progress = progress or (lambda done, total: None)
        identity, version = self._read("identity"), self._read("version")
        if identity != IDENTITY:
            raise DriverError(f"there is no core: identity is 0x{identity:08X}, not 0x{IDENTITY:08X}")
        if version >> 16 != VERSION >> 16:
            raise DriverError(f"the core's registers have version {version >> 16}, this driver knows {VERSION >> 16}")
        words = transport.read(offset_of(next(iter(CAPABILITIES))), len(CAPABILITIES))
        self.capabilities = dict(zip(CAPABILITIES, words, strict=True))
        if self.capabilities["stream_words"]:
            raise DriverError("the core takes its operands from streams, not from registers")
        super().__init__(_config(self.capabilities))
        self.reset()

    def reset(self) -> None:
        """What was queued or in execution is gone, all counters are 0."""
        self._write("control", 3)

    @property
    def counters(self) -> dict[str, int]:
        """All of the core's counters."""
        words = self.transport.read(offset_of(f"count_{next(iter(COUNTERS))}"), len(COUNTERS))
        return dict(zip(COUNTERS, words, strict=True))

    def _product(self, a, b, widths, rounding, seeds) -> NDArray[np.float32]:
        parts = list(pieces(self.config, a.shape[0], a.shape[1], b.shape[1], *widths))
        line = -(-a.shape[1] // self.config.block_size) * self.config.block_size
        result = np.empty((a.shape[0], b.shape[1]), np.float32)
        try:
            for done, (command, row, inner, column) in enumerate(parts):
                rows, columns = slice(row, row + command.rows), slice(column, column + command.columns)
                reduction = slice(inner, inner + command.inner)
                sizes = {name: value for name, value in command._asdict().items() if name in FIELDS}
                values = sizes | {"rounding": Rounding[rounding.upper()]}
                if rounding == "stochastic":
                    values |= {"seed_a": _later(seeds[0], row * line), "seed_b": _later(seeds[1], column * line)}
                self._submit(pack_command(**values))
                if command.load_a:
                    self._send("data_a", operand_beats(a[rows, reduction], self.config))
                if command.load_b:
                    self._send("data_b", operand_beats(b[reduction, columns].T, self.config))
                if command.store:
                    result[rows, columns] = self._receive(command.rows, command.columns)
                self.progress(done + 1, len(parts))
        except (DriverError, KeyboardInterrupt):
            self.reset()
            raise
        return result

    def _submit(self, command: int) -> None:
        words = [command >> 32 * i & 0xFFFFFFFF for i in range(COMMAND_WORDS)]
        if self.transport.write(offset_of("command_0"), words) != COMMAND_WORDS:
            raise DriverError(f"the core's commands do not have {COMMAND_WORDS} words")
        self._wait(lambda: self.transport.write(offset_of("submit"), [1]), "take a command")
        # The decoder is through with a command before the next request is over.
        error = self._read("status") >> STATUS["error"].position & ((1 << STATUS["error"].width) - 1)
        if error:
            raise DriverError(f"the core refused the command: {CommandError(error).name}")

    def _send(self, name: str, beats: np.ndarray) -> None:
        words = beats.ravel().tolist()
        done = 0
        while done < len(words):
            done += self._wait(lambda: self.transport.write(offset_of(name), words[done:], True), f"take {name}")  # noqa: B023

    def _receive(self, rows: int, columns: int) -> np.ndarray:
        words: list[int] = []
        while left := rows * columns - len(words):
            words += self._wait(lambda: self.transport.read(offset_of("data_c"), left, True), "give a result")
        result, start = np.zeros((rows, columns), np.uint32), 0
        for r, c in _panels(rows, columns, self.config):
            size = (r.stop - r.start) * (c.stop - c.start)
            result[r, c] = np.array(words[start : start + size], np.uint32).reshape(r.stop - r.start, -1)
            start += size
        return result.view(np.float32)

    def _wait(self, attempt, what: str):
        """Repeat ``attempt`` until it achieves something."""
        deadline = time.monotonic() + self.timeout
        while not (outcome := attempt()):
            if time.monotonic() > deadline:
                raise DriverError(f"the core did not {what} within {self.timeout} s")
        return outcome

    def _read(self, name: str) -> int:
        words = self.transport.read(offset_of(name))
        if not words:
            raise DriverError(f"the core refused to read {name}")
        return words[0]

    def _write(self, name: str, value: int) -> None:
        if not self.transport.write(offset_of(name), [value]):
            raise DriverError(f"the core refused to write {name}")


def _config(capabilities: dict[str, int]) -> CoreConfig:
    """A machine of these capabilities; how its units lie in tiles and what its pipelines are does not show."""
    c = capabilities
    return CoreConfig(
        mantissa_widths=tuple(w for w in range(32) if c["mantissa_widths"] >> w & 1),
        rounding_modes=tuple(n for i, n in enumerate(ROUNDING_MODES) if c["rounding_modes"] >> i & 1),
        accumulator=ACCUMULATORS[c["accumulator"]], tile_rows=c["rows"], tile_columns=c["tile_columns"],
        mesh_columns=c["columns"] // c["tile_columns"],
        **{name: c[name] for name in (
            "block_size", "exponent_width", "dot", "interleave", "lanes", "panel_columns", "operand_depth",
            "queue_depth",
        )},
    )  # fmt: skip
