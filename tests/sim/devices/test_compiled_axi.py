"""The driver on the compiled core: no simulator's kernel in between, so larger products and every form of them."""

from types import SimpleNamespace

import numpy as np
import pytest

import golden
from examples.digits import classify, digits, train
from sim.devices import GoldenDevice
from sim.devices.compiled_axi import CompiledAxi
from sim.devices.driver import DriverError, RegisterDevice
from tests.bus.test_axi_core import BLOCK, FULL

BUS_WIDTH = 64


@pytest.fixture(scope="module")
def transport():
    return CompiledAxi(FULL, BUS_WIDTH, quick=True)


def matrices(m, k, n, seed=0):
    rng = np.random.default_rng(seed)
    return rng.standard_normal((m, k), np.float32), rng.standard_normal((k, n), np.float32)


def same(actual, wanted) -> bool:
    """Whether two results, matrices or blocks, have the same bits."""
    if isinstance(wanted, golden.BlockTensor):
        return np.array_equal(actual.fields, wanted.fields) and np.array_equal(actual.mantissas, wanted.mantissas)
    return np.array_equal(actual.view(np.uint32), wanted.view(np.uint32))


@pytest.mark.parametrize("operands", ["packed", "bfloat16", "fp32"])
def test_every_form_of_a_product_equals_golden(transport, operands):
    device, reference = RegisterDevice(transport, operands=operands), GoldenDevice(FULL)
    for seed, shape in enumerate(((1, 1, 1), (9, 16 * 40, 3), (37, 40, 50), (70, 60, 20))):
        a, b = matrices(*shape, seed)
        a[0, 0], b[0, 0] = np.nan, 1e30
        bias = b[-1].copy()
        for options in (
            {"bias": bias}, {"relu": True, "output": "bfloat16"}, {"rounding": "stochastic", "seed_a": 3, "seed_b": 4},
            {"output": "blocks", "bias": bias, "relu": True},
            {"output": "blocks", "rounding": "stochastic", "seed_a": 3, "seed_b": 4, "seed_c": 5},
        ):  # fmt: skip
            held = shape[1] <= FULL.operand_depth * FULL.block_size
            in_panel = "seed_c" not in options or shape[2] <= FULL.panel_columns
            if (held and in_panel) or options.keys() <= {"bias"}:
                assert same(device.matmul(a, b, **options), reference.matmul(a, b, **options)), (shape, options)
    assert {name: device.counters[name] for name in reference.counters} == reference.counters
    assert device.counters["refused"] == 0


def test_streams_that_stall_change_no_bit(transport):
    """The same product takes more cycles, and as many as before when nothing stalls any more."""
    a, b = matrices(30, 40, 30)
    cycles = []
    for seed in (0, 99, 0):
        transport.stall(seed)
        device, start = RegisterDevice(transport), transport.cycles
        assert same(device.matmul(a, b), golden.matmul(a, b, BLOCK))
        cycles.append(transport.cycles - start)
    assert cycles[0] == cycles[2] < cycles[1]


def test_sending_ahead_takes_fewer_cycles(transport):
    """The same commands and results; only how many are under way at once differs."""
    a, b = matrices(64, 64, 64)
    cycles = []
    for depth in (1, 3):
        device = RegisterDevice(transport, depth=depth)
        start = transport.cycles
        assert same(device.matmul(a, b), golden.matmul(a, b, BLOCK))
        cycles.append(transport.cycles - start)
    assert cycles[0] > cycles[1]


def test_digits_network_equals_golden(transport):
    """Both layers, with bias and ReLU by the core."""
    images, test_images, labels, _ = digits()
    layers = train(images, labels, SimpleNamespace(track=lambda steps, description: list(steps)[:3]))
    (w1, b1), (w2, b2) = layers
    seen = []
    device = RegisterDevice(transport, progress=lambda done, total: seen.append((done, total)))
    x = test_images[:40]
    scores = device.matmul(device.matmul(x, w1, bias=b1, relu=True), w2, bias=b2)
    assert same(scores, classify(x, layers, lambda a, b: golden.matmul(a, b, BLOCK)))
    assert [done for done, total in seen if done == 1] == [1, 1]
    assert seen[-1][0] == seen[-1][1]


def test_a_core_with_streams_needs_a_transport_with_streams(transport):
    registers = type("Registers", (), {"read": transport.read, "write": transport.write})()
    with pytest.raises(DriverError, match=r"^the core takes its operands from streams, and the transport has none$"):
        RegisterDevice(registers)


def test_lost_operands_are_reported_and_the_device_goes_on(transport):
    device = RegisterDevice(transport, timeout=0.2)
    a, b = matrices(4, 40, 4)
    send = transport.send
    transport.send = lambda name, packet: len(packet) if name == "b" else send(name, packet)
    try:
        with pytest.raises(DriverError, match=r"^the core did not give a result within 0.2 s$"):
            device.matmul(a, b)
    finally:
        del transport.send
    assert same(device.matmul(a, b), golden.matmul(a, b, BLOCK))
