"""Convolutions whose map the array walks, compiled, against golden; and everything else that such a machine does."""

from dataclasses import replace

import numpy as np
import pytest

import golden
from hw.command import PATCH_FIELDS, OperandFormat, unpack_command
from hw.config import CoreConfig
from sim.model import CoreModel
from sim.network.plan import Command
from sim.rtl.core import RtlCore, RtlError, RtlProduct
from sim.workloads.window import Window
from tests.sim.command_sequences import Sequence
from tests.sim.machines import MACHINES

LIMIT = 1 << 16


@pytest.fixture(scope="module", params=["maps", "walks"])
def core(request):
    """A machine of ``tests/sim/test_exact.py``, which is compiled already."""
    return RtlCore(MACHINES[request.param], quick=True)


def convolution(rng, config: CoreConfig, window: Window, **fields) -> tuple[RtlProduct, np.ndarray]:
    """A command for all patches of a window, and what it must give."""
    (samples, channels, size), n = (window.samples, window.channels, window.size), config.block_size
    rows = samples * size[0] * size[1]
    x = (rng.normal(size=(rows, channels)) * 2.0 ** rng.integers(-9, 9, (rows, channels))).astype(np.float32)
    x[rng.random(rows) < 0.1] = 0
    columns = int(rng.integers(1, config.columns + 1))
    w = rng.normal(size=(columns, channels, *window.kernel)).astype(np.float32)
    width_a, width_b = (int(rng.choice(config.mantissa_widths)) for _ in "ab")
    form_a, form_b = (golden.BlockFormat(width, n) for width in (width_a, width_b))
    rounding = str(rng.choice(config.rounding_modes))
    blocks = golden.quantize(x, form_a, rounding=rounding, seed=5)
    a = golden.patch_blocks(blocks, size, window.kernel, window.strides, window.pads, window.dilations)
    b = golden.filters(w, multiple=n)
    packed, walk = rng.random() < 0.5, window.walk(window.band(0, samples, 0, window.out[0]))
    sent = x[: walk.positions]  # without the last rows of a map that no tap comes to
    fields = {
        **walk.fields, "width_a": width_a, "width_b": width_b,
        "format_a": OperandFormat.PACKED if packed else OperandFormat.FP32, "seed_a": 5, "seed_b": 7,
        "rounding": 1 if rounding == "stochastic" else 0, **fields,
    }  # fmt: skip
    wanted = golden.matmul(a, golden.quantize(b, form_b, 0, rounding, 7), accumulator=config.accumulator)
    of_sent = golden.quantize(sent, form_a, rounding=rounding, seed=5)
    product = RtlProduct(
        np.zeros((window.rows, len(b)), np.float32), b, fields, golden.pack(of_sent, config.load_lines).tobytes(), map=sent
    )
    return product, wanted


def plain(rng, config: CoreConfig) -> tuple[RtlProduct, np.ndarray]:
    """A product of matrices."""
    sizes = int(rng.integers(1, 2 * config.rows + 2)), int(rng.integers(1, 3 * config.block_size)), config.columns
    a, b = (rng.normal(size=shape).astype(np.float32) for shape in (sizes[:2], sizes[1:]))
    return RtlProduct(a, b, {}), golden.matmul(a, b, golden.BlockFormat(4, config.block_size), accumulator=config.accumulator)


def test_bits_equal_golden(core):
    """Random kernels over random maps in FP32 or packed blocks, between products of matrices, in runs of up to five."""
    config, rng = core.config, np.random.default_rng(3)
    sequence = Sequence(config, rng)
    for _ in range(25):
        work = []
        for _ in range(int(rng.integers(1, 6))):
            window = sequence.window()
            if len(window.bands(config, 1)) == 1:
                work.append(convolution(rng, config, window))
            if rng.random() < 0.4:
                work.append(plain(rng, config))
        results, _ = core.run([product for product, _ in work], limit=LIMIT) if work else ([], 0)
        for (product, wanted), result in zip(work, results, strict=True):
            assert np.array_equal(result.view(np.uint32), wanted.view(np.uint32)), product.fields


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"channels": 0}, "ZERO_SIZE"), ({"positions": 0}, "ZERO_SIZE"), ({"positions": 65535}, "A_TOO_LARGE"),
        ({"positions": 41, "channels": 17}, "A_TOO_LARGE"), ({"load_a": 0, "patches": 0}, "A_NOT_LOADED"),
    ],
)  # fmt: skip
def test_refuses_what_it_cannot_walk(core, change, error):
    product, _ = convolution(np.random.default_rng(0), core.config, Window(1, 3, (3, 3), (2, 2)))
    core.reset()
    core.run([product], limit=LIMIT)
    refused = replace(product, fields=product.fields | change | {"load_b": 0, "load_a": 0})
    with pytest.raises(RtlError, match=f"^the core refused a command: {error}$"):
        core.run([refused], limit=LIMIT)


def test_geometry_that_contradicts_itself_ends_and_disturbs_nothing(core):
    """Whatever it says, the command takes the cycles of its sizes, and the commands after it have their bits."""
    config, rng = core.config, np.random.default_rng(11)
    geometry = [name for name in PATCH_FIELDS if name not in ("patches", "positions", "channels")]
    for turn in range(12):
        window = Window(1, int(rng.integers(1, 2 * config.block_size)), (4, 5), (2, 2))
        lying, _ = convolution(rng, config, window)
        # All that can be said: none, as much as there is room for, at random; and more or fewer patches, and taps of them.
        limits = {name: 1 << PATCH_FIELDS[name] for name in geometry}
        said = {name: (0, limit - 1, int(rng.integers(limit)))[min(turn, 2)] for name, limit in limits.items()}
        rows, inner = (int(rng.integers(1, size + 2)) for size in lying.a.shape)
        a, b = np.zeros((rows, inner), np.float32), np.ones((inner, 2), np.float32)
        lying = replace(lying, a=a, b=b, fields=lying.fields | said)
        work = [(lying, None), convolution(rng, config, window), plain(rng, config), convolution(rng, config, window)]
        core.reset()
        results, _ = core.run([product for product, _ in work], limit=LIMIT)
        for (product, wanted), result in zip(work[1:], results[1:], strict=True):
            assert np.array_equal(result.view(np.uint32), wanted.view(np.uint32)), product.fields
        model = CoreModel(config)
        model.run([Command.of(unpack_command(core._command(product))) for product, _ in work])
        assert core.counters()["cycles"] == model.cycles, lying.fields
