"""Packets that are lost, doubled, cut, lengthened, joined or cut anywhere: told, and the next product is right."""

import cocotb
import numpy as np
import pytest

import golden
from hw.bus.axi_core import AxiCore
from hw.command import OperandFormat
from sim.devices import GoldenDevice
from sim.devices.compiled_axi import CompiledAxi
from sim.devices.driver import DriverError, RegisterDevice
from tests.bench import simulate
from tests.bus.axi_bench import Bench
from tests.bus.test_axi_core import BLOCK, FULL, causes


@pytest.fixture(scope="module")
def transport():
    return CompiledAxi(FULL, 64, quick=True)


def lose(packets, at):
    return packets[:at] + packets[at + 1 :]


def double(packets, at):
    return packets[: at + 1] + packets[at:]


def cut(packets, at):
    return [*packets[:at], packets[at][: len(packets[at]) // 2], *packets[at + 1 :]]


def cut_a_word(packets, at):
    return [*packets[:at], packets[at][:-1], *packets[at + 1 :]]


def lengthen(packets, at):
    return [*packets[:at], np.append(packets[at], packets[at][:1]), *packets[at + 1 :]]


def lengthen_much(packets, at):
    return [*packets[:at], np.tile(packets[at], 9), *packets[at + 1 :]]


def join(packets, at):
    return [*packets[:at], np.concatenate(packets[at : at + 2]), *packets[at + 2 :]]


FAULTS = (lose, double, cut, cut_a_word, lengthen, lengthen_much, join)
SHAPE = 5, 40, 45
"""Several panels wide, and blocks that are not full."""


def operands(seed):
    rng = np.random.default_rng(seed)
    a, b = rng.standard_normal(SHAPE[:2], np.float32), rng.standard_normal(SHAPE[1:], np.float32)
    return a, b, rng.standard_normal(SHAPE[2], np.float32)


class Faulty:
    """A transport that sends the packets of one stream otherwise than asked for, once."""

    def __init__(self, transport, stream, fault, at):
        self.transport, self.stream, self.fault, self.at = transport, stream, fault, at
        self.altered = False

    def __getattr__(self, name):
        return getattr(self.transport, name)

    def parts(self, name, packets):
        """Packets as they go out."""
        packets = self.transport.parts(name, packets)
        if name != self.stream or self.altered:
            return packets
        others = self.fault(packets, self.at % len(packets))
        self.altered = self.counts(packets, others)
        return others if self.altered else packets

    def counts(self, packets, others):
        """Whether these packets in place of those are the one fault."""
        return True


@pytest.mark.parametrize("form", ["fp32", "packed"])
@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
@pytest.mark.parametrize("stream", ["a", "b", "bias"])
def test_a_wrong_result_is_never_silent(transport, stream, fault, form):
    reference = GoldenDevice(FULL)
    for at in (0, 1, -1):
        faulty = Faulty(transport, stream, fault, at)
        device = RegisterDevice(faulty, timeout=0.05, operands=form)
        a, b, bias = operands(at % 7)
        told = False
        try:
            c = device.matmul(a, b, bias=bias)
        except DriverError:
            told = True
        assert faulty.altered
        assert told or np.array_equal(c.view(np.uint32), reference.matmul(a, b, bias=bias).view(np.uint32))
        a, b, bias = operands(at % 7 + 1)
        c = device.matmul(a, b, bias=bias)
        assert np.array_equal(c.view(np.uint32), reference.matmul(a, b, bias=bias).view(np.uint32))


def test_causes_are_named(transport):
    a, b, bias = operands(3)
    for stream, fault, text in (
        ("bias", cut, "the core reports short_bias: a packet of the bias ended before"),
        ("bias", lengthen, "the core reports long_bias: a packet of the bias went on after"),
        ("a", double, "the core is idle, and words of a are left over"),
        ("b", double, "the core is idle, and words of b are left over"),
    ):
        device = RegisterDevice(Faulty(transport, stream, fault, 0), timeout=0.05, operands="fp32")
        with pytest.raises(DriverError, match=rf"^{text}"):
            device.matmul(a, b, bias=bias)


KINDS = {
    "fp32": (OperandFormat.FP32, 2, 19),
    "bfloat16": (OperandFormat.BFLOAT16, 2, 19), "bfloat16_upper": (OperandFormat.BFLOAT16, 2, 21),
    "packed_half": (OperandFormat.PACKED, 1, 21), "packed_one": (OperandFormat.PACKED, 2, 21),
    "packed_two": (OperandFormat.PACKED, 3, 21),
}  # fmt: skip
"""Format, rows and inner size: lines that end in each half of a beat, in half a word, at one word of a beat and at two."""


def packets_of(matrix, form) -> list[bytes]:
    if form == OperandFormat.PACKED:
        octets = golden.pack(golden.quantize(matrix, BLOCK)).tobytes()
        return [octets + bytes(-len(octets) % 4)]
    words = matrix.view(np.uint32)
    lines = words if form == OperandFormat.FP32 else (words >> 16).astype(np.uint16)
    return [line.tobytes() + bytes(-line.nbytes % 4) for line in lines]


async def expect(bench, right: bytes, sent: bytes, stream: str) -> None:
    """The causes say what is wrong with a packet, and nothing if it is right."""
    wanted = {"completed"} | ({f"gap_{stream}"} if len(sent) % 4 else set())
    words = -(-len(sent) // 4) - len(right) // 4
    if words:
        wanted.add(f"{'short' if words < 0 else 'long'}_{stream}")
    assert await causes(bench) == wanted, (stream, len(right), len(sent))


@cocotb.test()
@cocotb.parametrize(kind=list(KINDS))
async def operands_cut_or_lengthened_to_any_byte_are_told(dut, kind):
    """The rows beside it are right, and so is the next command."""
    form, rows, inner = KINDS[kind]
    rng = np.random.default_rng(rows)
    a, b = rng.standard_normal((rows, inner), np.float32), rng.standard_normal((inner, 1), np.float32)
    a.view(np.uint32)[:] &= 0xFFFF0000  # numbers that bfloat16 holds
    wanted = golden.matmul(a, b, BLOCK).ravel()
    bench = Bench(dut)
    await bench.begin()
    good, load_b = packets_of(a, form), 1
    for length in range(1, len(good[0]) + 18):
        for altered in (True, False) if length % 4 == 1 else (True,):
            place = length % len(good)
            sent = list(good)
            if altered:
                sent[place] = (good[place] + good[place])[:length]
            await bench.submit(rows=rows, inner=inner, columns=1, format_a=form, load_b=load_b)
            if load_b:
                bench.send("b", b)
            for packet in sent:
                bench.send("a", packet)
            c = await bench.receive()
            harmed = range(rows) if form == OperandFormat.PACKED else (place,)
            assert all(c[row] == wanted[row] for row in range(rows) if not altered or row not in harmed)
            await expect(bench, good[place], sent[place], "a")
            load_b = 0


@cocotb.test()
async def a_bias_cut_or_lengthened_to_any_byte_is_told(dut):
    """Two panels' parts, of four beats and of two words."""
    columns = FULL.panel_columns + 2
    a, b = np.ones((1, 4), np.float32), np.ones((4, columns), np.float32)
    bias = np.random.default_rng(1).standard_normal(columns, np.float32)
    bench = Bench(dut)
    await bench.begin()
    good = [bias[: FULL.panel_columns].tobytes(), bias[FULL.panel_columns :].tobytes()]
    for place in range(2):
        for length in range(1, len(good[place]) + 10):
            for altered in (True, False) if length % 4 == 1 else (True,):
                sent = list(good)
                if altered:
                    sent[place] = (good[place] + bytes(10))[:length]
                await bench.submit(rows=1, inner=4, columns=columns, bias=1)
                for packet in sent:
                    bench.send("bias", packet)
                bench.send("a", a)
                for column in b.T:
                    bench.send("b", column)
                c = await bench.receive()
                if sent == good:
                    assert (c == golden.finish(golden.matmul(a, b, BLOCK), bias)).all()
                await expect(bench, good[place], sent[place], "bias")


@pytest.mark.cocotb
def test_packets_cut_anywhere():
    assert simulate(AxiCore(FULL, 256), "tests.sim.devices.test_packets", {"bus_width": 256}) == 7
