"""Products of any size on a core behind registers, whatever the transport."""

import time

import numpy as np

from hw.bus.registers import CAPABILITIES, IDENTITY, VERSION, offset_of, register_map
from hw.config import ACCUMULATORS, ROUNDING_MODES, CoreConfig
from hw.core.command import CommandError, pack_command
from hw.core.counters import COUNTERS
from sim.beats import _panels, operand_beats

__all__ = ["Driver", "DriverError"]

STATUS = {field.name: field for register in register_map() if register.name == "status" for field in register.fields}


class DriverError(RuntimeError):
    """A machine that is not one of ours, cannot do what is asked, refused a command or does not go on."""


class Driver:
    """A core behind a transport with ``read(offset, count, fixed)`` and ``write(offset, words, fixed)``.

    Parameters
    ----------
    transport : for instance ``sim.serial_link.SerialLink``. timeout : seconds a product may make no progress.

    Raises
    ------
    DriverError : if the other end is not a core of this register map.
    """

    def __init__(self, transport, timeout: float = 10.0):
        self.transport = transport
        self.timeout = timeout
        identity, version = self._read("identity"), self._read("version")
        if identity != IDENTITY:
            raise DriverError(f"there is no core: identity is 0x{identity:08X}, not 0x{IDENTITY:08X}")
        if version >> 16 != VERSION >> 16:
            raise DriverError(f"the core's registers have version {version >> 16}, this driver knows {VERSION >> 16}")
        words = transport.read(offset_of(next(iter(CAPABILITIES))), len(CAPABILITIES))
        self.capabilities = dict(zip(CAPABILITIES, words, strict=True))
        self.config = _config(self.capabilities)
        self.reset()

    def reset(self) -> None:
        """Soft reset: what was queued or in execution is gone, the core is ready."""
        self._write("control", 1)

    def counters(self) -> dict[str, int]:
        """All counters."""
        words = self.transport.read(offset_of(f"count_{next(iter(COUNTERS))}"), len(COUNTERS))
        return dict(zip(COUNTERS, words, strict=True))

    def clear_counters(self) -> None:
        """All counters become 0."""
        self._write("control", 2)

    def matmul(self, a: np.ndarray, b: np.ndarray, progress=None, **fields: int) -> np.ndarray:
        """``a @ b`` in the core's block format.

        Parameters
        ----------
        a : float32, shape (rows, inner). b : float32, shape (inner, columns). progress : called with (done, total) commands.
        fields : of the command, see ``hw.core.command.FIELDS``.

        Returns
        -------
        float32, shape (rows, columns).

        Raises
        ------
        ValueError : for shapes that do not match. DriverError : if the core refuses or stops.
        """
        a, b = np.ascontiguousarray(a, np.float32), np.ascontiguousarray(b, np.float32)
        if a.ndim != 2 or b.ndim != 2 or a.shape[1] != b.shape[0] or not a.size or not b.size:
            raise ValueError(f"a and b must be matrices of matching, positive shapes, not {a.shape} and {b.shape}")
        result = np.zeros((a.shape[0], b.shape[1]), np.float32)
        pieces = list(_pieces(a.shape[0], a.shape[1], b.shape[1], self.config))
        try:
            for done, (rows, columns, inner, first, last) in enumerate(pieces):
                part = self._product(a[rows, inner], b[inner, columns], not first, last, fields)
                if last:
                    result[rows, columns] = part
                if progress:
                    progress(done + 1, len(pieces))
        except DriverError:
            self.reset()
            raise
        return result

    def _product(self, a, b, accumulate: bool, store: bool, fields: dict):
        rows, inner = a.shape
        width = self.config.mantissa_widths[0]
        values = {
            "rows": rows, "inner": inner, "columns": b.shape[1], "load_a": 1, "load_b": 1, "accumulate": int(accumulate),
            "store": int(store), "width_a": width, "width_b": width, "seed_a": 1, "seed_b": 2,
        }  # fmt: skip
        self._submit(pack_command(**values | fields))
        self._send("data_a", operand_beats(a, self.config).ravel())
        self._send("data_b", operand_beats(b.T, self.config).ravel())
        return self._receive(rows, b.shape[1]) if store else None

    def _submit(self, command: int) -> None:
        count = len([register for register in register_map() if register.name.startswith("command_")])
        words = [command >> 32 * i & 0xFFFFFFFF for i in range(count)]
        self._all("command_0", self.transport.write(offset_of("command_0"), words), count)
        self._wait(lambda: self.transport.write(offset_of("submit"), [1]), "take a command")
        error = CommandError(self._status("error"))
        if error != CommandError.NONE:
            raise DriverError(f"the core refused the command: {error.name}")

    def _send(self, name: str, words: np.ndarray) -> None:
        left = words.tolist()
        while left:
            taken = self._wait(lambda: self.transport.write(offset_of(name), left, True), f"take {name}")  # noqa: B023
            left = left[taken:]

    def _receive(self, rows: int, columns: int) -> np.ndarray:
        words: list[int] = []
        total = rows * columns
        while len(words) < total:
            wanted = total - len(words)
            words += self._wait(lambda: self.transport.read(offset_of("data_c"), wanted, True), "give a result")  # noqa: B023
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

    def _all(self, name: str, done: int, wanted: int) -> None:
        if done != wanted:
            raise DriverError(f"the core has no register for word {done} of {name}")

    def _status(self, name: str) -> int:
        return self._read("status") >> STATUS[name].position & ((1 << STATUS[name].width) - 1)

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
            "block_size", "exponent_width", "dot", "interleave", "lanes", "panel_columns", "operand_depth", "queue_depth",
        )},
    )  # fmt: skip


def _pieces(rows: int, inner: int, columns: int, config: CoreConfig):
    """Commands that make up a product: (rows, columns, inner, first, last) of each.

    The whole reduction at once where it fits the operand buffers; otherwise outputs of one array, whose sums continue.
    """
    blocks = -(-inner // config.block_size)
    if blocks <= config.operand_depth:
        height = min(config.operand_depth // blocks * config.rows, 1 << 15)
        width = min(config.operand_depth // blocks * config.columns, 1 << 15)
        depth = inner
    else:
        height, width = min(config.rows, config.output_rows), config.columns
        depth = config.operand_depth * config.block_size
    for row in range(0, rows, height):
        for column in range(0, columns, width):
            for k in range(0, inner, depth):
                yield (
                    slice(row, min(row + height, rows)), slice(column, min(column + width, columns)),
                    slice(k, min(k + depth, inner)), k == 0, k + depth >= inner,
                )  # fmt: skip
