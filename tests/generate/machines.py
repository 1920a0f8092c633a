"""Hypothesis strategies for small machines of every kind."""

from dataclasses import fields, replace
from math import ceil

from hypothesis import reject
from hypothesis import strategies as st

from hw.choices import CORE_FEATURES, blocks_per_addition
from hw.config import ACCUMULATORS, DATAPATHS, FEATURES, ROUNDING_MODES, CoreConfig

__all__ = ["machines", "pairs"]

WIDTHS = ((4,), (6,), (2,), (8,), (4, 6), (4, 5, 6), (4, 5), (2, 3), (4, 10))


def _some(names: tuple[str, ...], least: int = 0):
    """Distinct names in their order."""
    return st.sets(st.sampled_from(names), min_size=least).map(lambda chosen: tuple(n for n in names if n in chosen))


@st.composite
def machines(draw, **fixed) -> CoreConfig:
    """A valid machine of few units; ``fixed`` are parameters that are not drawn."""
    block = draw(st.sampled_from((4, 8)))
    accumulator, cycles = draw(st.sampled_from(ACCUMULATORS)), draw(st.integers(1, 5))
    group = blocks_per_addition(accumulator)
    dot = block * group if group > 1 else draw(st.sampled_from([d for d in (1, 2, 4, 8) if block % d == 0]))
    loop = ceil(max(1, cycles - 1) * dot / (block * group))
    drawn = {
        "mantissa_widths": draw(st.sampled_from(WIDTHS)), "block_size": block, "dot": dot,
        "exponent_width": draw(st.integers(4 if group == 1 else 6, 10)), "rounding_modes": draw(_some(ROUNDING_MODES, 1)),
        "tile_rows": draw(st.integers(1, 2)), "tile_columns": draw(st.integers(1, 2)),
        "mesh_rows": draw(st.integers(1, 2)), "mesh_columns": draw(st.integers(1, 2)),
        "interleave": draw(st.integers(loop, loop + 1)), "accumulator": accumulator, "accumulator_cycles": cycles,
        "tree_cycles": draw(st.integers(0, 2)), "datapath": draw(st.sampled_from(DATAPATHS)),
        "lanes": draw(st.sampled_from((None, 1, 2, 4))), "operand_depth": group * draw(st.integers(2, 6)),
        "clock_gating": draw(st.booleans()), "queue_depth": draw(st.integers(1, 3)), "result_panels": draw(st.integers(2, 3)),
        "features": draw(_some(CORE_FEATURES if accumulator in ("fp32", "bf16") else FEATURES)),
    } | fixed  # fmt: skip
    try:
        config = CoreConfig(**drawn)
        return replace(config, panel_columns=config.columns * draw(st.integers(1, 2)))
    except ValueError:
        if "requantize" not in drawn["features"]:
            reject()
    features = tuple(name for name in drawn["features"] if name != "requantize")
    try:
        return CoreConfig(**drawn | {"features": features})
    except ValueError:
        reject()


@st.composite
def pairs(draw) -> tuple[CoreConfig, CoreConfig]:
    """Two valid machines that differ in few parameters, or in what follows from them."""
    one, other = draw(machines()), draw(machines())
    names = draw(st.sets(st.sampled_from([field.name for field in fields(CoreConfig)]), min_size=1, max_size=2))
    try:
        return one, replace(one, **{name: getattr(other, name) for name in names})
    except ValueError:
        return one, other
