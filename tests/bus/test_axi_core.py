"""The core on AXI under the bus functional models of cocotbext-axi, most of it by way of the real driver."""

import os
from dataclasses import replace
from types import SimpleNamespace

import cocotb
import numpy as np
import pytest
from cocotb.triggers import ClockCycles, RisingEdge, with_timeout
from cocotbext.axi import AxiResp

import golden
from examples.digits import classify, digits, train
from hw.bus.axi_core import AxiCore
from hw.bus.registers import (
    CAPABILITIES,
    IDENTITY,
    INTERRUPTS,
    STATUS,
    VERSION,
    capabilities,
    register_map,
    registers_of,
)
from hw.command import CommandError
from hw.config import FEATURES, CoreConfig
from hw.core.counters import COUNTERS
from sim.devices import GoldenDevice
from sim.devices.driver import DriverError
from tests.bench import PARAMETERS, parameters, simulate
from tests.bus.axi_bench import Bench, Transport

SMALL = CoreConfig(
    block_size=16, dot=4, lanes=4, tile_rows=2, tile_columns=2, operand_depth=32, queue_depth=2, datapath="behavioral"
)
FULL = replace(SMALL, rounding_modes=("nearest", "stochastic"), panel_columns=16, features=FEATURES)
CONFIGS = {32: SMALL, 256: FULL}
WIDTH = parameters()["bus_width"] if os.environ.get(PARAMETERS) else 256
CONFIG = CONFIGS[WIDTH]
BLOCK = golden.BlockFormat(4, CONFIG.block_size, CONFIG.exponent_width)


async def causes(bench) -> set[str]:
    """The causes that are set; they are cleared."""
    word = await bench.read("interrupt_cause")
    await bench.write("interrupt_cause", word)
    return {name for bit, name in enumerate(INTERRUPTS) if word >> bit & 1}


async def waiting(bench) -> set[str]:
    """Which operands have words that wait for a command."""
    word = await bench.read("status")
    return {field.name for field in STATUS if field.name.startswith("left_") and word >> field.position & 1}


@cocotb.test()
async def registers_answer_as_described(dut):
    """Identity, capabilities, counters; every register by its access; addresses without a register."""
    bench = Bench(dut, stalls=True)
    await bench.begin()
    assert await bench.read("identity") == IDENTITY
    assert await bench.read("version") == VERSION
    wanted = capabilities(CONFIG, WIDTH // 32)
    assert {name: await bench.read(name) for name in CAPABILITIES} == wanted
    present = registers_of(CONFIG, WIDTH // 32)
    for register in register_map():
        answer, _ = await bench.read_at(register.offset)
        allowed = register in present and register.access != "wo"
        assert answer == (AxiResp.OKAY if allowed else AxiResp.SLVERR), register
        if register.name != "submit" and register.name != "control":
            allowed = register in present and register.access != "ro"
            answer = await bench.write_at(register.offset, 0)
            assert answer == (AxiResp.OKAY if allowed else AxiResp.SLVERR), register
    for offset in sorted(set(range(0, 1024, 4)) - {register.offset for register in present})[::7]:
        assert (await bench.read_at(offset))[0] == AxiResp.SLVERR
        assert await bench.write_at(offset, 0) == AxiResp.SLVERR
    enable = next(register.offset for register in present if register.name == "interrupt_enable")
    assert (await bench.registers.write(enable, b"\x3f")).resp == AxiResp.SLVERR
    assert await bench.read("interrupt_enable") == 0
    assert await bench.write("interrupt_enable", 0x3F) == AxiResp.OKAY
    assert await bench.read("interrupt_enable") == 0x3F


@cocotb.test()
async def requests_may_come_before_the_answers_to_others(dut):
    """Reads and writes at once: each is answered, in order, and none is lost or changed by one behind it."""
    bench = Bench(dut)
    await bench.begin()
    for value in (0x15, 0x2A):
        sent = [("command_1", 0), ("interrupt_enable", value), ("command_0", ~value & 0xFFFFFFFF), ("command_1", 0)]
        writes = [cocotb.start_soon(bench.write(*one)) for one in sent]
        reads = [cocotb.start_soon(bench.read(name)) for name in ("identity", "version") * 4]
        assert [await task for task in writes] == [AxiResp.OKAY] * 4
        assert [await task for task in reads] == [IDENTITY, VERSION] * 4
        assert await bench.read("interrupt_enable") == value


@cocotb.test()
@cocotb.parametrize(stalls=[False, True])
async def products_equal_golden(dut, stalls):
    """The driver, with lengths that end anywhere in a beat, with and without stalls of every channel."""
    bench = Bench(dut, stalls)
    await bench.begin()
    driver = await bench.device()
    for seed, shape in enumerate(((1, 1, 1), (2, 16, 2), (3, 21, 5), (5, 7, 3), (2, 33, 7))):
        await driver.check(shape, seed)
    assert driver.device.config.features == CONFIG.features


@cocotb.test(skip=CONFIG.features == ())
@cocotb.parametrize(operands=["packed", "bfloat16", "fp32"], stalls=[False, True])
async def operands_and_results_in_every_form_equal_golden(dut, operands, stalls):
    """Several commands, so that they overlap; numbers that bfloat16 holds and others."""
    bench = Bench(dut, stalls)
    await bench.begin()
    driver = await bench.device(operands=operands)
    reference = GoldenDevice(CONFIG)
    rng = np.random.default_rng(3)
    a, b, bias = (rng.normal(size=s).astype(np.float32) for s in ((9, 37), (37, 20), (20,)))
    b.view(np.uint32)[:] &= 0xFFFF0000
    for options in (
        {"bias": bias, "relu": True},
        {"output": "bfloat16"},
        {"output": "blocks", "bias": bias},
        {"rounding": "stochastic", "seed_a": 7, "seed_b": 8},
    ):
        actual, wanted = await driver.matmul(a, b, **options), reference.matmul(a, b, **options)
        if options.get("output") == "blocks":
            assert (actual.fields == wanted.fields).all()
            assert (actual.mantissas == wanted.mantissas).all()
        else:
            assert (actual.view(np.uint32) == wanted.view(np.uint32)).all(), options
    assert await bench.read("count_refused") == 0


@cocotb.test()
async def interrupts_tell_completion_and_refusal(dut):
    bench = Bench(dut)
    await bench.begin()
    await bench.write("interrupt_enable", 0b11)
    await ClockCycles(dut.clk, 10)
    assert await bench.read("interrupt_cause") == dut.interrupt.value == 0
    driver = await bench.device()
    await driver.check()
    await with_timeout(_high(dut, dut.interrupt), 10, "us")
    assert await causes(bench) == {"completed"}
    await ClockCycles(dut.clk, 3)
    assert dut.interrupt.value == 0
    await bench.submit(rows=0, inner=1, columns=1)
    await ClockCycles(dut.clk, 60)
    status = await bench.read("status")
    assert CommandError(status >> 8 & 15) == CommandError(status >> 12 & 15) == CommandError.ZERO_SIZE
    assert status & 0x41 == 0x41  # idle, fault
    await bench.submit(rows=1, inner=1, columns=1)
    for name in "ab":
        bench.send(name, np.ones(1, np.float32))
    await bench.receive()
    status = await bench.read("status")
    assert not status >> 8 & 15, "the latest command was accepted"
    assert CommandError(status >> 12 & 15) == CommandError.ZERO_SIZE, "the refusal stays until its cause is cleared"
    assert await causes(bench) == {"completed", "refused"}
    assert not await bench.read("status") >> 6


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
    assert "overflow" in await causes(bench)
    assert not await bench.read("status") & 3
    await bench.write("control", 1)
    await ClockCycles(dut.clk, 10)
    assert await bench.read("status") & 3 == 3
    await (await bench.device()).check()


@cocotb.test()
async def packets_that_are_no_lines_are_reported_and_harm_no_other_line(dut):
    """Too short by words or beats, too long by words or beats, or joined: filled up or cut, told, and nothing waits."""
    bench = Bench(dut)
    await bench.begin()
    rng = np.random.default_rng(1)
    inner = 23  # the last of the core's beats holds three words
    a, b = (rng.normal(size=s).astype(np.float32) for s in ((3, inner), (inner, 2)))
    for name, other in (("a", b.T), ("b", a)):
        lines = a if name == "a" else b.T
        for length in (1, 2, 20, 22, 23, 24, 25, 40):
            await bench.submit(rows=3, inner=inner, columns=2)
            for line in other:
                bench.send("b" if name == "a" else "a", line)
            altered = lines.copy()
            altered[0, length:] = 0
            bench.send(name, np.resize(lines[0], length))
            for line in lines[1:]:
                bench.send(name, line)
            x, y = (altered, b) if name == "a" else (a, altered.T)
            wanted = golden.matmul(x, np.ascontiguousarray(y), BLOCK).ravel()
            assert (await bench.receive() == wanted).all(), length
            kind = "short" if length < inner else "long" if length > inner else ""
            fault = bool(kind)
            assert await bench.read("status") >> 6 & 1 == fault, length
            assert await causes(bench) == {"completed"} | ({f"{kind}_{name}"} if fault else set()), length


@cocotb.test()
async def packets_may_end_in_a_beat_without_bytes(dut):
    bench = Bench(dut)
    await bench.begin()
    value = np.arange(1, 25, dtype=np.float32)
    for _ in range(2):
        await bench.submit(rows=1, inner=24, columns=1)
        bench.send("b", np.ones(24, np.float32))
        bench.send("a", value.tobytes() + bytes(WIDTH // 8), keep=[1] * 96 + [0] * (WIDTH // 8))
        wanted = golden.matmul(value[None], np.ones((24, 1), np.float32), BLOCK)
        assert await bench.receive() == wanted[0]
    assert await causes(bench) == {"completed"}


@cocotb.test()
async def soft_reset_recovers_from_a_packet_that_is_missing(dut):
    """A row without ``tlast`` takes the next for its rest, which is told; the core waits for one more."""
    bench = Bench(dut)
    await bench.begin()
    await bench.submit(rows=2, inner=40, columns=2)
    for name in "ab":
        bench.send(name, np.ones(80, np.float32))
    await ClockCycles(dut.clk, 500)
    assert not await bench.read("status") & 1
    assert await causes(bench) == {"long_a", "long_b"}
    await bench.write("control", 1)
    await ClockCycles(dut.clk, 10)
    assert await bench.read("status") & 1
    assert await causes(bench) == set()
    driver = await bench.device()
    for seed in range(3):
        await driver.check(seed=seed)


@cocotb.test()
async def words_of_no_command_show_until_a_soft_reset(dut):
    bench = Bench(dut)
    await bench.begin()
    for name in bench.sources:
        left = f"left_{name}"
        assert left not in await waiting(bench)
        bench.send(name, np.ones(CONFIG.lanes, np.float32))
        await ClockCycles(dut.clk, 50)
        assert left in await waiting(bench)
    await bench.write("control", 1)
    await ClockCycles(dut.clk, 10)
    assert await waiting(bench) == set()
    await (await bench.device()).check()


@cocotb.test()
async def driver_names_faults_and_goes_on(dut):
    """A packet cut on its way, a command the core refuses, a packet lost; after each the device works."""
    bench = Bench(dut)
    await bench.begin()
    transport = Transport(bench)
    driver = await bench.device(transport, timeout=0.3, operands="fp32")
    a, b = np.ones((3, 21), np.float32), np.ones((21, 5), np.float32)
    transport.disturb = lambda name, words: words[:-1] if name == "a" else words
    with pytest.raises(DriverError, match=r"^the core reports short_a: a packet of A ended before its line; "):
        await driver.matmul(a, b)
    transport.disturb = lambda name, words: np.concatenate([words, words])
    with pytest.raises(DriverError, match=r"^the core reports long_a: .*; long_b: "):
        await driver.matmul(a, b)
    transport.disturb = lambda name, words: words
    await driver.check()
    widths, driver.device.config = driver.device.config, replace(CONFIG, mantissa_widths=(4, 5))
    with pytest.raises(DriverError, match=r"^the core refused a command: WIDTH$"):
        await driver.matmul(a, b, width_a=5)
    driver.device.config = widths
    await driver.check()


@cocotb.test()
async def holes_between_bytes_are_reported(dut):
    """A hole becomes a zero; bytes left out at the end of a beat in the middle of a packet do not count."""
    width = WIDTH // 8
    bench = Bench(dut)
    await bench.begin()
    value = np.arange(1, 9, dtype=np.float32)
    await bench.submit(rows=1, inner=8 if width > 4 else 7, columns=1)
    bench.send("b", np.ones(8 if width > 4 else 7, np.float32))
    keep = [1] * 32
    keep[4:8] = [0] * 4
    bench.send("a", value.tobytes(), keep)
    assert await bench.receive() == [34]
    assert await causes(bench) == {"completed"} | ({"gap_a"} if width > 4 else set())
    await bench.submit(rows=1, inner=4, columns=1)
    bench.send("b", np.ones(4, np.float32))
    pieces, keep = b"", []
    for number in (1, 2, 4, 7):
        pieces += np.float32(number).tobytes() + bytes(width - 4)
        keep += [1] * 4 + [0] * (width - 4)
    bench.send("a", pieces, keep)
    assert await bench.receive() == [14]


@cocotb.test(skip=CONFIG.features == ())
async def digits_network_equals_golden(dut):
    """Both layers of the network of the examples, for two images, bias and ReLU by the core."""
    bench = Bench(dut)
    await bench.begin()
    driver = await bench.device()
    images, test_images, labels, _ = digits()
    layers = train(images, labels, SimpleNamespace(track=lambda steps, description: list(steps)[:3]))
    x = test_images[:2]
    (w1, b1), (w2, b2) = layers
    scores = await driver.matmul(await driver.matmul(x, w1, bias=b1, relu=True), w2, bias=b2)
    wanted = classify(x, layers, lambda a, b: golden.matmul(a, b, BLOCK))
    assert (scores.view(np.uint32) == wanted.view(np.uint32)).all()


@cocotb.test()
async def counters_count_and_clear(dut):
    bench = Bench(dut)
    await bench.begin()
    await (await bench.device()).check()
    counts = {name: await bench.read(f"count_{name}") for name in COUNTERS}
    assert counts["completed"] > 0
    assert 0 < counts["busy"] <= counts["active"] < counts["cycles"]
    await bench.write("control", 2)
    counts = {name: await bench.read(f"count_{name}") for name in COUNTERS}
    assert 0 < counts.pop("cycles") < 1000
    assert set(counts.values()) == {0}


@pytest.mark.cocotb
@pytest.mark.parametrize("bus_width", CONFIGS)
def test_axi_core(bus_width):
    count = simulate(AxiCore(CONFIGS[bus_width], bus_width), "tests.bus.test_axi_core", {"bus_width": bus_width})
    assert count == 20


def test_rejects_unknown_bus_width():
    with pytest.raises(ValueError, match=r"^bus_width must be one of 32, 64, 128, 256, 512, not 48$"):
        AxiCore(SMALL, 48)
