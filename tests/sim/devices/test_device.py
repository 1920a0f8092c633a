"""The same bits, cycles and counters from every device."""

from fractions import Fraction
from functools import partial

import numpy as np
import pytest

import golden
from hw.config import CoreConfig
from sim.devices import CycleDevice, GoldenDevice, RtlDevice
from sim.model import Rates
from sim.network.plan import panels
from sim.workloads.window import Window
from tests.sim.machines import MACHINES
from tests.sim.messages import rejects

CONFIG = CoreConfig(
    mantissa_widths=(4, 6), block_size=16, dot=8, lanes=4, tile_rows=2, tile_columns=2, mesh_columns=2, interleave=2,
    rounding_modes=("nearest", "stochastic"), operand_depth=8, panel_columns=16,
    features=("packed", "bfloat16", "bias", "requantize"),
)  # fmt: skip
SHAPES = [(1, 1, 1), (4, 96, 4), (37, 40, 29), (9, 16 * 20, 7), (3, 70, 50), (60, 90, 2)]


@pytest.fixture(scope="module")
def devices():
    return GoldenDevice(CONFIG), CycleDevice(CONFIG), RtlDevice(CONFIG, quick=True)


@pytest.fixture(scope="module")
def packed_devices():
    return GoldenDevice(CONFIG), CycleDevice(CONFIG, operands="packed"), RtlDevice(CONFIG, quick=True, operands="packed")


def matrices(m, k, n, seed=0):
    rng = np.random.default_rng(seed)
    return rng.standard_normal((m, k), np.float32), rng.standard_normal((k, n), np.float32)


def everywhere(devices, a, b, **options):
    """The product, the same from each device."""
    golden, *others = [device.matmul(a, b, **options) for device in devices]
    for other in others:
        assert np.array_equal(golden.view(np.uint32), other.view(np.uint32))
    return golden


def test_shapes_need_one_command_and_many():
    cuts = [panels(CONFIG, *shape) for shape in SHAPES]
    assert {cut.inner_panels > 1 for cut in cuts} == {cut.keep_a for cut in cuts} == {True, False}
    assert {cut.row_panels * cut.column_panels > 1 for cut in cuts} == {True, False}


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(("width_a", "width_b"), [(4, 4), (4, 6), (6, 6)])
def test_devices_agree(devices, shape, width_a, width_b):
    a, b = matrices(*shape)
    everywhere(devices, a, b, width_a=width_a, width_b=width_b)
    golden, cycle, rtl = devices
    assert golden.cycles is None
    assert cycle.cycles == rtl.cycles
    assert golden.health() == cycle.health() == rtl.health()
    assert {name: rtl.counters[name] for name in cycle.counters} == cycle.counters


@pytest.mark.parametrize("output", ["fp32", "bfloat16", "blocks"])
@pytest.mark.parametrize("shape", [(1, 1, 1), (37, 30, 29), (60, 30, 16), (9, 20, 33)])
def test_devices_agree_on_what_becomes_of_results(devices, shape, output):
    a, b = matrices(*shape)
    bias = np.linspace(-1, 1, shape[2]).astype(np.float32) if shape[0] % 2 else None
    golden, *others = [
        device.matmul(a, b, width_c=6, bias=bias, relu=output == "fp32", output=output) for device in devices
    ]
    for other in others:
        for name in ("mantissas", "fields") if output == "blocks" else ("data",):
            assert bytes(getattr(golden, name)) == bytes(getattr(other, name))
    golden, cycle, rtl = devices
    assert golden.health() == cycle.health() == rtl.health()
    assert {name: rtl.counters[name] for name in cycle.counters} == cycle.counters


@pytest.mark.parametrize("shape", [(1, 1, 1), (37, 40, 29), (9, 16 * 20, 7), (60, 30, 50)])
@pytest.mark.parametrize("rounding", [{}, {"rounding": "stochastic", "seed_a": 9, "seed_b": 8}])
def test_operands_in_blocks_give_the_same_bits(packed_devices, shape, rounding):
    if rounding and panels(CONFIG, *shape).inner_panels > 1:
        return
    a, b = matrices(*shape, seed=4)
    c = everywhere(packed_devices, a, b, width_b=6, **rounding)
    assert np.array_equal(c, GoldenDevice(CONFIG).matmul(a, b, width_b=6, **rounding))
    golden, cycle, rtl = packed_devices
    assert golden.health() == cycle.health() == rtl.health()
    assert {name: rtl.counters[name] for name in cycle.counters} == cycle.counters


@pytest.mark.parametrize("name", ["sides", "maps"])
def test_lines_side_by_side_give_the_same_bits(name):
    """Through a port that A and B share; C by one stream, or by two."""
    config, rates = MACHINES[name], Rates(operands=Fraction(3, 4), c=Fraction(1, 2))
    kinds = CycleDevice, partial(RtlDevice, quick=True)
    devices = GoldenDevice(config), *(kind(config, rates, operands="packed") for kind in kinds)
    for shape in ((1, 1, 1), (5, 40, 7), (23, 50, 19), (9, 16 * 21, 7)):
        c = everywhere(devices, *matrices(*shape, seed=5), width_b=6)
        assert np.array_equal(c, golden.matmul(*matrices(*shape, seed=5), golden.BlockFormat(4, 16), golden.BlockFormat(6, 16)))
        if shape[1] < 16 * 20:  # B has room for the columns of a block
            blocks = [device.matmul(*matrices(*shape, seed=6), output="blocks", width_c=6) for device in devices]
            assert len({(one.mantissas.tobytes(), one.fields.tobytes()) for one in blocks}) == 1
    x, y = matrices(21, 40, 20, seed=7)
    x[[3, 20]] = np.nan  # a row that only one stream has
    everywhere(devices, x, y)
    everywhere(devices, x, y, output="bfloat16")
    # What the buffers still hold below the rows of C is not counted.
    for rows in (24, 24, 17):
        everywhere(devices, np.full((rows, 16), np.nan if rows == 24 else 1, np.float32), y[:16, :4].copy())
    gold, cycle, rtl = devices
    assert gold.health() == rtl.health()
    assert gold.counters == {name: rtl.counters[name] for name in gold.counters}
    assert {name: rtl.counters[name] for name in cycle.counters} == cycle.counters


KERNELS = [
    ((2, 5, 6, 6), (7, 5, 3, 3), {"pads": [1, 1, 1, 1]}, True),
    ((1, 20, 19, 5), (20, 20, 3, 2), {"strides": [2, 1], "pads": [1, 0, 1, 1], "dilations": [1, 2]}, True),
    ((1, 16, 9), (4, 16, 3), {}, True),
    ((1, 5, 6, 6), (7, 5, 1, 1), {}, False),
    ((1, 16, 4, 90), (4, 16, 3, 3), {}, False),
    ((1, 3, 4, 4, 4), (2, 3, 2, 2, 2), {}, False),
]
"""Maps, filters and geometries, and whether "maps" walks them; the second in several bands, with rows that two of them need."""


@pytest.mark.parametrize(("name", "operands"), [("maps", "packed"), ("maps", "fp32"), ("walks", "packed"), ("walks", "fp32")])
def test_devices_agree_on_convolutions(name, operands):
    """What walks has a block for each tap, on golden as on the Verilog, and the rest is a product of patches."""
    config, rng = MACHINES[name], np.random.default_rng(8)
    devices = GoldenDevice(config), CycleDevice(config, operands=operands), RtlDevice(config, quick=True, operands=operands)
    rounding = {"rounding": "stochastic", "seed_a": 5, "seed_b": 8} if "stochastic" in config.rounding_modes else {}
    form = golden.BlockFormat(4, config.block_size)
    for shape, filters, geometry, walks in KERNELS:
        x = (rng.normal(size=shape) * 2.0 ** rng.integers(-9, 9, shape)).astype(np.float32)
        w = rng.normal(size=filters).astype(np.float32)
        x[0, 0, 0] = 0
        c, *others = [device.convolve(x, w, **geometry, **rounding) for device in devices]
        for other in others:
            assert np.array_equal(c.view(np.uint32), other.view(np.uint32))
        assert name == "walks" or {device.walked for device in devices} == {walks}
        window = filters[2:], *(geometry.get(key) for key in ("strides", "pads", "dilations"))
        if devices[0].walked:
            kind, seed_a, seed_b = rounding.values() if rounding else ("nearest", None, None)
            positions = golden.quantize(np.moveaxis(x, 1, -1).reshape(-1, shape[1]), form, 1, kind, seed_a)
            b = golden.quantize(golden.filters(w, config.block_size), form, 0, kind, seed_b)
            wanted = golden.matmul(golden.patch_blocks(positions, shape[2:], *window), b, accumulator=config.accumulator)
            assert np.array_equal(c, wanted)
        else:
            a = golden.patches(x, *window)
            assert np.array_equal(c, devices[0].matmul(a, golden.filters(w), **rounding))
            for device in devices[1:]:
                device.matmul(a, golden.filters(w), **rounding)
    gold, cycle, rtl = devices
    assert gold.health() == rtl.health()
    assert gold.counters == {key: rtl.counters[key] for key in gold.counters}
    assert {key: rtl.counters[key] for key in cycle.counters} == cycle.counters


def test_a_convolution_of_whole_blocks_has_the_bits_of_its_patches():
    """Rounded to nearest; and in blocks of results, of which the filters are whole ones."""
    config, rng = MACHINES["maps"], np.random.default_rng(9)
    x, w = rng.normal(size=(1, 16, 5, 6)).astype(np.float32), rng.normal(size=(16, 16, 2, 2)).astype(np.float32)
    device = GoldenDevice(config)
    c = device.convolve(x, w)
    assert device.walked
    assert np.array_equal(c, device.matmul(golden.patches(x, (2, 2)), golden.filters(w)))
    assert not device.walked
    blocks = [one.convolve(x, w, output="blocks", width_c=6) for one in (device, RtlDevice(config, quick=True))]
    assert blocks[0].mantissas.tobytes() == blocks[1].mantissas.tobytes()
    assert blocks[0].shape == (20, 16)
    assert not GoldenDevice(CONFIG).walks(Window.of(1, 16, (5, 6), (2, 2), (1, 1), (0,) * 4, (1, 1)), 16)


def test_rejects_what_is_no_convolution():
    device, x, w = GoldenDevice(MACHINES["maps"]), np.ones((1, 2, 3, 3), np.float32), np.ones((4, 2, 2, 2), np.float32)
    with rejects(TypeError, "w must be a float32 array, not float64"):
        device.convolve(x, w.astype(float))
    with rejects(ValueError, "x and w must have as many axes and channels, not shapes (1, 2, 3, 3) and (4, 1, 2, 2)"):
        device.convolve(x, w[:, :1])
    with rejects(ValueError, "kernel must fit its padded input of 1, not span 2"):
        device.convolve(x[:, :, :1], w)
    window = Window(1, 2, (3, 3), (2, 2))
    with rejects(ValueError, "a and b must have shapes (9, 2) and (64, columns) for the window, not (9, 2) and (8, 4)"):
        device.matmul(np.ones((9, 2), np.float32), np.ones((8, 4), np.float32), window=window)
    with rejects(ValueError, f"window must be one that the machine walks, with 4 filters, not {window}"):
        GoldenDevice(CONFIG).matmul(np.ones((9, 2), np.float32), np.ones((64, 4), np.float32), window=window)


def test_operands_in_blocks_need_a_core_that_takes_them():
    with rejects(ValueError, "operands must be one of the machine's fp32, not packed"):
        CycleDevice(CoreConfig(), operands="packed")
    with rejects(ValueError, "operands must be one of the machine's fp32, packed, not bfloat16"):
        CycleDevice(CONFIG, operands="bfloat16")


def test_stochastic_rounding_does_not_depend_on_the_cut(devices):
    a, b = matrices(37, 40, 29, seed=1)
    options = {"rounding": "stochastic", "seed_a": 0xDEADBEEF, "seed_b": 5}
    first = everywhere(devices, a, b, **options)
    assert np.array_equal(first, everywhere(devices, a, b, **options))
    assert not np.array_equal(first, everywhere(devices, a, b, **options | {"seed_a": 6}))


def test_special_values_show_in_the_health(devices):
    a, b = matrices(5, 40, 3, seed=2)
    a[1, 2], b[3, 0] = np.nan, 1e30
    a[0], b[:, 1] = 1e38, 1e38
    everywhere(devices, a, b)
    golden, cycle, rtl = devices
    assert golden.health() == cycle.health() == rtl.health()
    assert golden.counters == {name: rtl.counters[name] for name in golden.counters}
    assert min(golden.counters[name] for name in ("nan_blocks", "nan_results", "overflows", "flushed")) > 0


def test_reset_starts_anew(devices):
    a, b = matrices(8, 30, 8)
    for device in devices[1:]:
        device.reset()
        device.matmul(a, b)
        once = device.counters
        device.reset()
        device.matmul(a, b)
        assert device.counters == once


def test_a_training_step_is_the_same_on_every_device(devices):
    """Devices serve training as they are."""
    a, b = matrices(20, 50, 12, seed=3)
    options = {"width_a": 4, "width_b": 6, "rounding": "stochastic", "seed_a": 77, "seed_b": 78}
    formats = golden.BlockFormat(4, CONFIG.block_size), golden.BlockFormat(6, CONFIG.block_size)
    reference = golden.matmul(a, b, *formats, rounding="stochastic", seed_a=77, seed_b=78)
    assert np.array_equal(reference, everywhere(devices, a, b, **options))
    assert {device.block_size for device in devices} == {CONFIG.block_size}


def test_rejects_what_no_device_can_do():
    device = GoldenDevice(CONFIG)
    a, b = matrices(2, 3, 4)
    with rejects(TypeError, "b must be float32, not float64"):
        device.matmul(a, b.astype(np.float64))
    with rejects(ValueError, "a must be a matrix with elements, not of shape (3,)"):
        device.matmul(a[0], b)
    with rejects(ValueError, "a's 3 columns must be as many as b's 2 rows"):
        device.matmul(a, b[:2])
    with rejects(ValueError, "mantissa width must be one of the configuration's 4, 6, not 5"):
        device.matmul(a, b, width_b=5)
    with rejects(ValueError, "rounding must be one of the configuration's nearest, stochastic, not truncate"):
        device.matmul(a, b, rounding="truncate")
    with rejects(ValueError, "seed_b must be between 1 and 4294967295, not 0"):
        device.matmul(a, b, rounding="stochastic", seed_a=1, seed_b=0)
    long = matrices(1, 129, 1)
    with rejects(ValueError, "stochastic rounding needs an inner size of at most 128, not 129"):
        device.matmul(*long, rounding="stochastic", seed_a=1, seed_b=1)
    with rejects(ValueError, "output must be one of fp32, bfloat16, blocks, not int8"):
        device.matmul(a, b, output="int8")
    with rejects(TypeError, "bias must be a float32 array, not [1.0]"):
        device.matmul(a, b, bias=[1.0])
    with rejects(ValueError, "bias must have shape (4,), not (3,)"):
        device.matmul(a, b, bias=a[0])
    plain = GoldenDevice(CoreConfig())
    with rejects(ValueError, "bias needs a machine with the feature bias; this one has none"):
        plain.matmul(a, b, relu=True)
    with rejects(ValueError, "output blocks needs a machine with the feature requantize; this one has none"):
        plain.matmul(a, b, output="blocks")
    with rejects(ValueError, f"stochastic rounding of C needs at most {CONFIG.panel_columns} columns, not 65"):
        device.matmul(*matrices(1, 1, 65), rounding="stochastic", seed_a=1, seed_b=1, seed_c=1, output="blocks")


def test_rejects_what_is_no_output_and_no_truth_value():
    device = GoldenDevice(CoreConfig(tile_rows=1, tile_columns=1, block_size=4, lanes=2, features=("bias",)))
    a = np.ones((2, 4), np.float32)
    with pytest.raises(ValueError, match=r"^output must be one of fp32, bfloat16, blocks, not \[1\]$"):
        device.matmul(a, a.T.copy(), output=[1])
    with pytest.raises(TypeError, match=r"^relu must be True or False, not 'no'$"):
        device.matmul(a, a.T.copy(), relu="no")
    with pytest.raises(TypeError, match=r"^b must be an array without a mask$"):
        device.matmul(a, np.ma.masked_array(a.T, a.T > 0))
    blocks = golden.quantize(a, golden.BlockFormat(4, 4))
    with pytest.raises(TypeError, match=r"^a must be a float32 matrix, of which the device makes blocks, not a BlockTensor$"):
        device.matmul(blocks, a.T.copy())
