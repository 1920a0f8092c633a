"""Bus functional models around a core on AXI, and the driver of ``sim.devices.driver`` on top of them."""

import logging
import random

import numpy as np
from cocotb.task import bridge, resume
from cocotb.triggers import ClockCycles, with_timeout
from cocotbext.axi import (
    AxiLiteBus,
    AxiLiteMaster,
    AxiResp,
    AxiStreamBus,
    AxiStreamFrame,
    AxiStreamSink,
    AxiStreamSource,
)

import golden
from hw.bus.registers import command_words, offset_of
from hw.command import pack_command
from sim.devices.driver import RegisterDevice
from tests.streams import reset, start_clock

__all__ = ["Bench", "Transport"]


class Bench:
    """The models: ``registers``, ``sources`` by the operands' names, ``c``."""

    def __init__(self, dut, stalls: bool = False):
        self.dut = dut
        logging.getLogger(f"cocotb.{dut._name}").setLevel(logging.WARNING)
        names = [name for name in ("a", "b", "bias") if hasattr(dut, f"s_axis_{name}_tvalid")]
        self.registers = AxiLiteMaster(AxiLiteBus.from_prefix(dut, "s_axi"), dut.clk, dut.rst)
        buses = {name: AxiStreamBus.from_prefix(dut, f"s_axis_{name}") for name in names}
        self.sources = {name: AxiStreamSource(bus, dut.clk, dut.rst) for name, bus in buses.items()}
        self.c = AxiStreamSink(AxiStreamBus.from_prefix(dut, "m_axis_c"), dut.clk, dut.rst)
        if stalls:
            writes, reads = self.registers.write_if, self.registers.read_if
            channels = (writes.aw_channel, writes.w_channel, writes.b_channel, reads.ar_channel, reads.r_channel)
            for seed, channel in enumerate((*self.sources.values(), self.c, *channels)):
                channel.set_pause_generator(_pauses(seed))

    async def begin(self):
        start_clock(self.dut)
        await reset(self.dut)

    async def write_at(self, offset: int, value: int) -> AxiResp:
        answer = await with_timeout(self.registers.write(offset, value.to_bytes(4, "little")), 100, "us")
        return answer.resp

    async def read_at(self, offset: int) -> tuple[AxiResp, int]:
        answer = await with_timeout(self.registers.read(offset, 4), 100, "us")
        return answer.resp, int.from_bytes(answer.data, "little")

    async def write(self, name: str, value: int) -> AxiResp:
        return await self.write_at(offset_of(name), value)

    async def read(self, name: str) -> int:
        answer, value = await self.read_at(offset_of(name))
        assert answer == AxiResp.OKAY
        return value

    async def submit(self, **fields: int) -> AxiResp:
        word = pack_command(**{"load_a": 1, "load_b": 1, "store": 1, "width_a": 4, "width_b": 4} | fields)
        for i in reversed(range(command_words())):  # the driver writes them upwards
            assert await self.write(f"command_{i}", word >> 32 * i & 0xFFFFFFFF) == AxiResp.OKAY
        return await self.write("submit", 1)

    def send(self, name: str, words, keep=None) -> None:
        """A packet of float32 numbers, of words, or of bytes with their ``keep``."""
        data = words if isinstance(words, bytes) else np.asarray(words).tobytes()
        self.sources[name].send_nowait(AxiStreamFrame(data, tkeep=keep))

    async def receive(self) -> np.ndarray:
        """The next packet of C as float32."""
        frame = await with_timeout(self.c.recv(), 2, "ms")
        return np.frombuffer(bytes(frame.tdata), np.float32)

    async def device(self, transport=None, **options) -> "Driver":
        return Driver(await bridge(RegisterDevice)(transport or Transport(self), **options))


class Driver:
    """The driver in a thread of its own, as a program would run it."""

    def __init__(self, device: RegisterDevice):
        self.device = device
        self.matmul = bridge(device.matmul)
        self.reset = bridge(device.reset)

    async def check(self, shape=(3, 21, 5), seed=0) -> None:
        """A product equals golden."""
        config = self.device.config
        rng = np.random.default_rng(seed)
        a, b = (rng.normal(size=s).astype(np.float32) for s in (shape[:2], shape[1:]))
        wanted = golden.matmul(a, b, golden.BlockFormat(4, config.block_size, config.exponent_width))
        assert ((await self.matmul(a, b)).view(np.uint32) == wanted.view(np.uint32)).all(), shape


class Transport:
    """The models as what ``RegisterDevice`` talks to; its methods are called from the driver's thread.

    ``disturb`` may replace packets on their way: a function of (name, words).
    """

    def __init__(self, bench: Bench, disturb=None):
        self.bench = bench
        self.disturb = disturb or (lambda name, words: words)
        self._words: list[int] = []
        self.read, self.write, self.receive = (resume(f) for f in (self._read, self._write, self._receive))
        self.send, self.flush = resume(self._send), resume(self._flush)

    async def _read(self, offset: int, count: int = 1, fixed: bool = False) -> list[int]:
        words = []
        for index in range(count):
            answer, word = await self.bench.read_at(offset + 4 * index * (not fixed))
            if answer != AxiResp.OKAY:
                break
            words.append(word)
        return words

    async def _write(self, offset: int, words: list[int], fixed: bool = False) -> int:
        for index, word in enumerate(words):
            if await self.bench.write_at(offset + 4 * index * (not fixed), word) != AxiResp.OKAY:
                return index
        return len(words)

    def parts(self, name: str, packets):
        return packets

    async def _send(self, name: str, packet) -> int:
        self.bench.send(name, self.disturb(name, packet))
        return len(packet)

    async def _receive(self, count: int) -> list[int]:
        if self.bench.c.empty():
            await ClockCycles(self.bench.dut.clk, 50)
        while not self.bench.c.empty():
            self._words += np.frombuffer(bytes(self.bench.c.recv_nowait().tdata), np.uint32).tolist()
        words, self._words = self._words[:count], self._words[count:]
        return words

    async def _flush(self) -> None:
        models = [*self.bench.sources.values(), self.bench.c]
        for asserted in (True, False):
            for model in models:
                model.assert_reset(asserted)
        for model in models:
            model.clear()
        self._words = []


def _pauses(seed: int):
    generator = random.Random(seed)
    while True:
        yield generator.random() < 0.4
