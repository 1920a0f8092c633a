import logging
import os
import random
from types import SimpleNamespace

import cocotb
import numpy as np
import pytest
from cocotb.triggers import ClockCycles, RisingEdge, with_timeout
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
from examples.digits import classify, digits, train
from hw.bus.axi_core import AxiCore
from hw.bus.registers import (
    CAPABILITIES,
    IDENTITY,
    INTERRUPTS,
    VERSION,
    capabilities,
    command_words,
    offset_of,
    register_map,
)  # fmt: skip
from hw.config import CoreConfig
from hw.core.command import CommandError, pack_command
from hw.core.counters import COUNTERS
from sim.beats import _panels
from sim.plan import pieces
from tests.bench import PARAMETERS, parameters, simulate
from tests.streams import reset, start_clock

CONFIG = CoreConfig(
    block_size=16, dot=4, lanes=4, tile_rows=2, tile_columns=2, operand_depth=32, queue_depth=2, datapath="behavioral"
)
WIDTHS = (32, 256)


class Bench:
    """The bus functional models around the core."""

    def __init__(self, dut, stalls: bool = False):
        self.dut = dut
        logging.getLogger(f"cocotb.{dut._name}").setLevel(logging.WARNING)
        self.registers = AxiLiteMaster(AxiLiteBus.from_prefix(dut, "s_axi"), dut.clk, dut.rst)
        self.a = AxiStreamSource(AxiStreamBus.from_prefix(dut, "s_axis_a"), dut.clk, dut.rst)
        self.b = AxiStreamSource(AxiStreamBus.from_prefix(dut, "s_axis_b"), dut.clk, dut.rst)
        self.c = AxiStreamSink(AxiStreamBus.from_prefix(dut, "m_axis_c"), dut.clk, dut.rst)
        if stalls:
            for n, model in enumerate((self.a, self.b, self.c)):
                model.set_pause_generator(_pauses(n))
            writes, reads = self.registers.write_if, self.registers.read_if
            channels = (writes.aw_channel, writes.w_channel, writes.b_channel, reads.ar_channel, reads.r_channel)
            for n, channel in enumerate(channels):
                channel.set_pause_generator(_pauses(n + 10))

    async def begin(self):
        start_clock(self.dut)
        await reset(self.dut)

    async def write(self, name: str, value: int) -> AxiResp:
        answer = await with_timeout(self.registers.write(offset_of(name), value.to_bytes(4, "little")), 100, "us")
        return answer.resp

    async def read(self, name: str) -> int:
        answer = await with_timeout(self.registers.read(offset_of(name), 4), 100, "us")
        assert answer.resp == AxiResp.OKAY
        return int.from_bytes(answer.data, "little")

    async def submit(self, **fields: int) -> AxiResp:
        word = pack_command(**{"load_a": 1, "load_b": 1, "store": 1, "width_a": 4, "width_b": 4} | fields)
        for i in range(command_words()):
            assert await self.write(f"command_{i}", word >> 32 * i & 0xFFFFFFFF) == AxiResp.OKAY
        return await self.write("submit", 1)

    async def product(self, a, b, **fields: int):
        """C of a command, its operands sent line by line."""
        assert await self.submit(rows=a.shape[0], inner=a.shape[1], columns=b.shape[1], **fields) == AxiResp.OKAY
        if fields.get("load_a", 1):
            for line in a:
                self.a.send_nowait(AxiStreamFrame(line.tobytes()))
        if fields.get("load_b", 1):
            for line in b.T:
                self.b.send_nowait(AxiStreamFrame(line.tobytes()))
        frame = await with_timeout(self.c.recv(), 2, "ms")
        words = np.frombuffer(bytes(frame.tdata), np.float32)
        result, start = np.zeros((a.shape[0], b.shape[1]), np.float32), 0
        for r, c in _panels(*result.shape, CONFIG):
            size = (r.stop - r.start) * (c.stop - c.start)
            result[r, c] = words[start : start + size].reshape(r.stop - r.start, -1)
            start += size
        assert start == len(words)
        return result

    async def matmul(self, a, b):
        """A product of any rows and columns, in commands that fit."""
        result = np.empty((a.shape[0], b.shape[1]), np.float32)
        for command, row, _, column in pieces(CONFIG, a.shape[0], a.shape[1], b.shape[1], 4, 4):
            rows, columns = slice(row, row + command.rows), slice(column, column + command.columns)
            loads = {"load_a": int(command.load_a), "load_b": int(command.load_b)}
            result[rows, columns] = await self.product(a[rows], b[:, columns], **loads)
        return result

    async def check(self, shape=(3, 21, 5), seed=0):
        """A product equals golden."""
        rng = np.random.default_rng(seed)
        a, b = (rng.normal(size=s).astype(np.float32) for s in (shape[:2], shape[1:]))
        actual = await self.product(a, b)
        wanted = golden.matmul(a, b, golden.BlockFormat(4, CONFIG.block_size, CONFIG.exponent_width))
        assert (actual.view(np.uint32) == wanted.view(np.uint32)).all(), shape


def _pauses(seed: int):
    generator = random.Random(seed)
    while True:
        yield generator.random() < 0.4


@cocotb.test()
async def registers_answer_as_described(dut):
    """Identity, capabilities, counters; every register by its access; addresses without a register."""
    bench = Bench(dut, stalls=True)
    await bench.begin()
    assert await bench.read("identity") == IDENTITY
    assert await bench.read("version") == VERSION
    wanted = capabilities(CONFIG, parameters()["bus_width"] // 32)
    assert {name: await bench.read(name) for name in CAPABILITIES} == wanted
    windows = {"data_a", "data_a_last", "data_b", "data_b_last", "data_c"}
    taken = set()
    for register in register_map():
        present = register.name not in windows
        taken |= {register.offset} if present else set()
        answer = await bench.registers.read(register.offset, 4)
        assert answer.resp == (AxiResp.OKAY if present and register.access != "wo" else AxiResp.SLVERR), register
        if register.name != "submit" and register.name != "control":
            answer = await bench.registers.write(register.offset, bytes(4))
            assert answer.resp == (AxiResp.OKAY if present and register.access != "ro" else AxiResp.SLVERR), register
    for offset in sorted(set(range(0, 1024, 4)) - taken)[::7]:
        assert (await bench.registers.read(offset, 4)).resp == AxiResp.SLVERR
        assert (await bench.registers.write(offset, bytes(4))).resp == AxiResp.SLVERR
    assert (await bench.registers.write(offset_of("interrupt_enable"), b"\x3f")).resp == AxiResp.SLVERR
    assert await bench.read("interrupt_enable") == 0
    assert await bench.write("interrupt_enable", 0x3F) == AxiResp.OKAY
    assert await bench.read("interrupt_enable") == 0x3F


async def _products(dut, stalls: bool):
    """Lengths that end anywhere in a beat."""
    bench = Bench(dut, stalls)
    await bench.begin()
    for seed, shape in enumerate(((1, 1, 1), (2, 16, 2), (3, 21, 5), (5, 7, 3), (2, 33, 7))):
        await bench.check(shape, seed)
    assert await bench.read("count_completed") == 5


@cocotb.test()
async def products_equal_golden(dut):
    await _products(dut, stalls=False)


@cocotb.test()
async def products_equal_golden_under_stalls_of_every_channel(dut):
    await _products(dut, stalls=True)


@cocotb.test()
async def interrupts_tell_completion_and_refusal(dut):
    bench = Bench(dut)
    await bench.begin()
    assert dut.interrupt.value == 0
    await bench.write("interrupt_enable", 0b11)
    await bench.check()
    await with_timeout(_high(dut, dut.interrupt), 10, "us")
    assert await bench.read("interrupt_cause") == 1 << list(INTERRUPTS).index("completed")
    await bench.write("interrupt_cause", 0x3F)
    await ClockCycles(dut.clk, 3)
    assert dut.interrupt.value == 0
    await bench.submit(rows=0, inner=1, columns=1)
    await ClockCycles(dut.clk, 60)
    assert await bench.read("interrupt_cause") & 1 << list(INTERRUPTS).index("refused")
    status = await bench.read("status")
    assert CommandError(status >> 8 & 15) == CommandError.ZERO_SIZE
    assert status & 1
    await bench.check()


async def _high(dut, signal):
    while not int(signal.value):
        await RisingEdge(dut.clk)


@cocotb.test()
async def full_queue_refuses_commands(dut):
    """Commands beyond the room get an error response, those before it are executed; a soft reset empties the queue."""
    bench = Bench(dut)
    await bench.begin()
    answers = [await bench.submit(rows=1, inner=1, columns=1) for _ in range(16)]
    assert AxiResp.SLVERR in answers
    accepted = answers.index(AxiResp.SLVERR)
    assert CONFIG.queue_depth <= accepted < 16
    assert await bench.read("interrupt_cause") & 1 << list(INTERRUPTS).index("overflow")
    assert not await bench.read("status") & 3
    await bench.write("control", 1)
    await ClockCycles(dut.clk, 10)
    assert await bench.read("status") & 3 == 3
    await bench.check()


@cocotb.test()
async def soft_reset_recovers_from_a_line_that_ends_early(dut):
    bench = Bench(dut)
    await bench.begin()
    await bench.check()
    await bench.submit(rows=2, inner=40, columns=2)
    for _ in range(2):
        bench.a.send_nowait(AxiStreamFrame(bytes(4 * 5)))
        bench.b.send_nowait(AxiStreamFrame(bytes(4 * 40)))
    await ClockCycles(dut.clk, 500)
    assert not await bench.read("status") & 1
    await bench.write("control", 1)
    await ClockCycles(dut.clk, 10)
    assert await bench.read("status") & 1
    for seed in range(3):
        await bench.check(seed=seed)


@cocotb.test()
async def holes_between_bytes_are_reported(dut):
    """A hole becomes a zero; bytes left out at the end of a beat in the middle of a packet do not count."""
    width = parameters()["bus_width"] // 8
    bench = Bench(dut)
    await bench.begin()
    value = np.array([1, 2, 3, 4, 5, 6, 7, 8] * 4, np.float32)
    await bench.submit(rows=1, inner=8, columns=1)
    bench.b.send_nowait(AxiStreamFrame(np.ones(8, np.float32).tobytes()))
    keep = [1] * 32
    if width > 4:
        keep[4:8] = [0] * 4
    bench.a.send_nowait(AxiStreamFrame(value[:8].tobytes(), tkeep=keep))
    frame = await with_timeout(bench.c.recv(), 1, "ms")
    wanted = 36 - (2 if width > 4 else 0)
    assert np.frombuffer(bytes(frame.tdata), np.float32) == [wanted]
    cause = await bench.read("interrupt_cause")
    assert bool(cause & 1 << list(INTERRUPTS).index("gap_a")) == (width > 4)
    await bench.submit(rows=1, inner=4, columns=1)
    bench.b.send_nowait(AxiStreamFrame(np.ones(4, np.float32).tobytes()))
    pieces, keep = b"", []
    for number in (1, 2, 4, 7):
        pieces += np.float32(number).tobytes() + bytes(width - 4)
        keep += [1] * 4 + [0] * (width - 4)
    bench.a.send_nowait(AxiStreamFrame(pieces, tkeep=keep))
    frame = await with_timeout(bench.c.recv(), 1, "ms")
    assert np.frombuffer(bytes(frame.tdata), np.float32) == [14]


@cocotb.test(skip=bool(os.environ.get(PARAMETERS)) and parameters()["bus_width"] < 128)
async def digits_network_equals_golden(dut):
    """Both layers of the network of the examples, for two images."""
    bench = Bench(dut)
    await bench.begin()
    images, test_images, labels, _ = digits()
    layers = train(images, labels, SimpleNamespace(track=lambda steps, description: list(steps)[:3]))
    x = test_images[:2]
    (w1, b1), (w2, b2) = layers
    scores = await bench.matmul(np.maximum(await bench.matmul(x, w1) + b1, 0), w2) + b2
    block = golden.BlockFormat(4, CONFIG.block_size, CONFIG.exponent_width)
    wanted = classify(x, layers, lambda a, b: golden.matmul(a, b, block))
    assert (scores.view(np.uint32) == wanted.view(np.uint32)).all()


@cocotb.test()
async def counters_count_and_clear(dut):
    bench = Bench(dut)
    await bench.begin()
    await bench.check()
    counts = {name: await bench.read(f"count_{name}") for name in COUNTERS}
    assert counts["completed"] == 1
    assert 0 < counts["busy"] <= counts["active"] < counts["cycles"]
    await bench.write("control", 2)
    assert await bench.read("count_completed") == 0
    assert await bench.read("count_cycles") < 100


@pytest.mark.cocotb
@pytest.mark.parametrize("bus_width", WIDTHS)
def test_axi_core(bus_width):
    assert simulate(AxiCore(CONFIG, bus_width), "tests.bus.test_axi_core", {"bus_width": bus_width}) == 9


def test_rejects_unknown_bus_width():
    with pytest.raises(ValueError, match=r"^bus_width must be one of 32, 64, 128, 256, 512, not 48$"):
        AxiCore(CONFIG, 48)
