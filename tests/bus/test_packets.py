"""Packets that are lost, doubled, cut, lengthened, joined or of another stream: told, and the next product is right."""

import numpy as np
import pytest

from sim.devices import GoldenDevice
from sim.devices.compiled_axi import CompiledAxi
from sim.devices.driver import DriverError, RegisterDevice
from tests.bus.test_axi_core import FULL


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
        packets = self.transport.parts(name, packets)
        if name != self.stream or self.altered:
            return packets
        self.altered = True
        return self.fault(packets, self.at % len(packets))


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
