"""The generated Verilog, compiled by Verilator and called from Python."""

import ctypes
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

import golden
from hw.command import CommandError, OperandFormat, OutputFormat, pack_command
from hw.config import CoreConfig
from hw.timing import Timing
from sim.model.port import Rates
from sim.rtl.beats import (
    bias_beats,
    join_packed,
    operand_beats,
    packed_beats,
    result_beat_count,
    result_matrix,
    stream_config,
    stream_rows,
)  # fmt: skip
from sim.rtl.library import RtlError, cache_folder, compile_library, load_library

if TYPE_CHECKING:
    from amaranth.lib.wiring import Component

__all__ = ["Rates", "RtlCore", "RtlError", "RtlProduct", "cache_folder", "compile_core", "compile_library"]

SHIM = Path(__file__).with_name("core.cpp")


def compile_core(config: CoreConfig, quick: bool = False) -> Path:
    """Shared library of the core ``config`` with the behavioral datapath, compiled once per content.

    With ``quick`` the C++ compiler does not optimize: for short runs.

    Raises
    ------
    RtlError
        as of ``sim.rtl.library.compile_library``.
    """
    return compile_library(*_parts(config), quick)


def _parts(config: CoreConfig) -> tuple["Component", Path, str, str, list[str]]:
    """What ``compile_library`` takes of a core."""
    from hw.core.core import Core

    core = Core(replace(config, datapath="behavioral"))
    return core, SHIM, "core", config.name, [
        *(["-DHAS_BIAS"] if "bias" in config.features else []), f"-DRESULT_STREAMS={config.result_streams}",
    ]  # fmt: skip


Result = NDArray[np.float32] | bytes | None
"""C of a command: float32, shape (rows, columns); the bytes of packed blocks; None where nothing is sent."""


class _Rate(ctypes.Structure):
    _fields_ = [("numerator", ctypes.c_uint32), ("denominator", ctypes.c_uint32)]

    @classmethod
    def of(cls, rate: Fraction | None) -> "_Rate":
        """The rate, 1 where there is none."""
        return cls(1, 1) if rate is None else cls(rate.numerator, rate.denominator)


class _Port(ctypes.Structure):
    _fields_ = [
        ("data", ctypes.c_void_p), ("beats", ctypes.c_int64), ("done", ctypes.c_int64), ("needs", ctypes.c_void_p),
        ("rate", _Rate),
    ]  # fmt: skip


class _Deal(ctypes.Structure):
    _fields_ = [("results", ctypes.c_int64), *((name, _Rate) for name in ("a", "b", "turns", "c"))]


@dataclass(frozen=True)
class RtlProduct:
    """One command with its data.

    Attributes
    ----------
    a
        float32, shape (rows, inner).
    b
        float32, shape (inner, columns). Shapes count even if nothing is loaded.
    fields
        further fields of the command, see ``hw.command.FIELDS``.
    packed_a, packed_b
        where the formats say so, the operands as ``golden.pack`` makes them (B along its columns).
    bias
        where the command has one, float32, shape (columns,).
    map
        of a command of patches, float32, shape (positions, channels): what comes instead of A, of which then only the shape
        counts.
    after_a, after_b
        a product of the run whose C, and that of those before, must have left before A (B) is brought, by its number from 0.
    """

    a: np.ndarray
    b: np.ndarray
    fields: dict[str, int]
    packed_a: bytes = b""
    packed_b: bytes = b""
    bias: np.ndarray | None = None
    map: np.ndarray | None = None
    after_a: int | None = None
    after_b: int | None = None

    @property
    def stores(self) -> bool:
        """Whether C leaves the core."""
        return bool(self.fields.get("store", 1)) and self.fields.get("output", 0) != OutputFormat.RESULTS

    def operand(self, name: str, config: CoreConfig) -> list[np.ndarray]:
        """Beats of A ("a") or B ("b"), none if nothing is loaded from the stream."""
        form = self.fields.get(f"format_{name}", OperandFormat.FP32)
        if not self.fields.get(f"load_{name}", 1) or form == OperandFormat.RESULTS:
            return []
        if form == OperandFormat.PACKED:
            return [packed_beats(getattr(self, f"packed_{name}"), config)]
        lines = self.b.T if name == "b" else self.a if self.map is None else self.map
        return [operand_beats(lines, config, form == OperandFormat.BFLOAT16)]

    def result_beats(self, config: CoreConfig) -> int:
        """Beats in which C leaves, by each stream."""
        if not self.stores:
            return 0
        rows, columns = stream_rows(self.a.shape[0], config).shape[1], self.b.shape[1]
        config = stream_config(config)
        form = self.fields.get("output", OutputFormat.FP32)
        if form == OutputFormat.PACKED:
            return -(-self._packed_bits(rows, config) // (32 * config.tile_columns))
        return result_beat_count(rows, columns, config, form == OutputFormat.BFLOAT16)

    def _format(self, config: CoreConfig) -> golden.BlockFormat:
        width = self.fields.get("width_c", config.mantissa_widths[0])
        return golden.BlockFormat(width, config.block_size, config.exponent_width)

    def _packed_bits(self, rows: int, config: CoreConfig) -> int:
        blocks: int = rows * -(-self.b.shape[1] // config.block_size)
        return blocks * self._format(config).block_bits

    def result(self, beats: np.ndarray, config: CoreConfig) -> Result:
        """C from its beats: uint32, shape (streams, beats, tile_columns)."""
        if not self.stores:
            return None
        rows, columns = self.a.shape[0], self.b.shape[1]
        places, of_one = stream_rows(rows, config), stream_config(config)
        sent = places.shape[1]
        form = self.fields.get("output", OutputFormat.FP32)
        if form == OutputFormat.PACKED:
            size = -(-self._packed_bits(sent, config) // 8)
            parts = [np.ascontiguousarray(one, "<u4").tobytes()[:size] for one in beats]
            return parts[0] if len(parts) == 1 else join_packed(parts, self._format(config), rows, columns, config)
        result = np.empty((rows, columns), np.float32)
        for one, place in zip(beats, places, strict=True):
            part = result_matrix(one, sent, columns, of_one, form == OutputFormat.BFLOAT16)
            result[place[place < rows]] = part[place < rows]
        return result


class RtlCore:
    """A compiled core. Not for use by several threads at once.

    Parameters
    ----------
    config
        the machine; the datapath is always behavioral.
    quick
        compile without optimization, for short runs.
    """

    def __init__(self, config: CoreConfig, quick: bool = False):
        from hw.core.counters import COUNTERS

        self.config = config
        self.counter_names = tuple(COUNTERS)
        library = load_library(*_parts(config), quick)
        library.core_open.restype = ctypes.c_void_p
        library.core_run.restype = ctypes.c_int64
        library.core_run.argtypes = [ctypes.c_void_p, *[ctypes.POINTER(_Port)] * 6, *[ctypes.c_int64] * 2, ctypes.POINTER(_Deal)]
        for name in ("core_close", "core_reset", "core_clear", "core_error"):
            getattr(library, name).argtypes = [ctypes.c_void_p]
        library.core_words.argtypes = [ctypes.c_void_p, ctypes.c_int]
        library.core_counters.argtypes = [ctypes.c_void_p, ctypes.c_void_p]
        self._library = library
        self._handle: int | None = library.core_open()
        self._words = [library.core_words(self._handle, i) for i in range(5)]
        self.reset()

    def __del__(self) -> None:
        if getattr(self, "_handle", None):
            self._library.core_close(self._handle)
            self._handle = None

    def reset(self) -> None:
        """Two cycles of reset; the port rates count cycles from here."""
        self._library.core_reset(self._handle)

    def clear_counters(self) -> None:
        """Set all counters to zero; takes as long as an event to its count."""
        for _ in range(1 + Timing(self.config).count_cycles):
            self._library.core_clear(self._handle)

    def counters(self) -> dict[str, int]:
        """The core's counters."""
        words = np.zeros(self._words[4], np.uint32)
        self._library.core_counters(self._handle, words.ctypes.data)
        return dict(zip(self.counter_names, map(int, words), strict=False))

    def run(
        self,
        products: list[RtlProduct],
        rates: Rates | list[Rates] = Rates(),  # noqa: B008
        limit: int = 1 << 34,
        latency: int = 0,
    ) -> tuple[list[Result], int]:
        """Run commands back to back.

        Parameters
        ----------
        products
            commands and their data. On one port for both operands, A comes before B unless it is held longer.
        rates
            of the ports; or for each product those of A, B and C once the C of the one before has left, the same if it does not,
            and all with one port for both operands or all with two.
        limit
            cycles after which something is wrong.
        latency
            cycles that results take to come back as the operands of products that come ``after`` them.

        Returns
        -------
        tuple[list[Result], int]
            C of each product and the cycles taken.

        Raises
        ------
        RtlError
            if a command was refused or the core has not finished within ``limit`` cycles.
        """
        commands, turns, biases, counts = [], [], [], []
        left, deals = [0], []
        beats_of: dict[str, list[np.ndarray]] = {"a": [], "b": []}
        needs: dict[str, list[int]] = {"a": [], "b": []}
        dealt = rates if isinstance(rates, list) else [rates] * len(products)
        for product, deal in zip(products, dealt, strict=True):
            word = self._command(product)
            commands.append(np.frombuffer(word.to_bytes(4 * self._words[0], "little"), np.uint32))
            after = {"a": product.after_a, "b": product.after_b}
            needed = {name: 0 if number is None else left[number + 1] for name, number in after.items()}
            for name in "ba" if needed["a"] > needed["b"] else "ab":
                beats_of[name] += (brought := product.operand(name, self.config))
                for beats in brought:
                    turns.append(np.full((len(beats), 1), name == "b", np.uint32))
                    needs[name] += [needed[name]] * len(beats)
            deals.append(_Deal(left[-1], *map(_Rate.of, (deal.a, deal.b, deal.operands, deal.c))))
            if product.bias is not None:
                biases.append(bias_beats(product.bias, product.a.shape[0], self.config))
            counts.append(product.result_beats(self.config))
            left.append(left[-1] + counts[-1])
        rates, deals = dealt[0] if dealt else Rates(), [*deals, _Deal(1 << 62)]
        refused = self.counters()["refused"]
        ports = [
            self._port(commands, self._words[0], rates.command),
            self._port(beats_of["a"], self._words[1], rates.a, needs["a"]),
            self._port(beats_of["b"], self._words[2], rates.b, needs["b"]),
            self._port(biases, self.config.tile_columns, rates.bias),
            self._port(turns if rates.operands else [], 1, rates.operands),
        ]
        beats = np.zeros((self.config.result_streams, sum(counts), self._words[3]), np.uint32)
        streams = (_Port * len(beats))(*(self._describe(one, rates.c) for one in beats))
        by_reference = [ctypes.byref(port) for port, *_ in ports]
        cycles = self._library.core_run(self._handle, *by_reference, streams, limit, latency, (_Deal * len(deals))(*deals))
        if self.counters()["refused"] != refused:
            error = CommandError(self._library.core_error(self._handle))
            raise RtlError(f"the core refused a command{f': {error.name}' if error else ', but not the last one'}")
        if cycles == limit:
            raise RtlError(f"the core did not finish within {limit} cycles")
        results, start = [], 0
        for product, count in zip(products, counts, strict=True):
            values = beats[:, start : start + count, : self.config.tile_columns]
            results.append(product.result(values, self.config))
            start += count
        return results, cycles

    def _command(self, product: RtlProduct) -> int:
        width = self.config.mantissa_widths[0]
        defaults = {
            "load_a": 1,
            "load_b": 1,
            "store": 1,
            "width_a": width,
            "width_b": width,
            "width_c": width,
            "seed_a": 1,
            "seed_b": 2,
            "seed_c": 3,
        }
        rows, inner = product.a.shape
        return pack_command(**defaults | {"rows": rows, "inner": inner, "columns": product.b.shape[1]} | product.fields)

    def _describe(self, beats: np.ndarray, rate: Fraction | None, needs: NDArray[np.int64] | None = None) -> _Port:
        return _Port(beats.ctypes.data, len(beats), 0, None if needs is None else needs.ctypes.data, _Rate.of(rate))

    def _port(
        self, parts: list[np.ndarray], words: int, rate: Fraction | None, needs: list[int] | None = None
    ) -> tuple[_Port, np.ndarray, NDArray[np.int64] | None]:
        """A port, and the arrays that it points at."""
        beats = np.concatenate([np.atleast_2d(p) for p in parts]) if parts else np.zeros((0, words), np.uint32)
        if beats.shape[1] != words:
            beats = np.pad(beats, ((0, 0), (0, words - beats.shape[1])))
        beats, needed = np.ascontiguousarray(beats), None if needs is None else np.array(needs, np.int64)
        return self._describe(beats, rate, needed), beats, needed
