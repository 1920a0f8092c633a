"""The aligned datapath, step by step, against the scalar definition; and its one rounding."""

import struct
from fractions import Fraction
from random import Random

import pytest
from amaranth.hdl import Signal

from golden import scalar
from hw.accumulate.aligned_accumulator import WINDOW, AlignedAccumulator
from tests.logic import outputs


def pack(layout, **fields: int) -> int:
    return sum((fields[name] & (1 << field.width) - 1) << field.offset for name, field in layout)


def unpack(layout, word: int, name: str, signed: bool = True) -> int:
    field = layout[name]
    value = word >> field.offset & (1 << field.width) - 1
    return value - (value >> field.width - 1 << field.width) if signed else value


def step(datapath: AlignedAccumulator, vectors: list[dict]) -> list[int]:
    """States after one block each, from packed blocks and states."""

    def logic(m, block, state):
        before = Signal(datapath.state_shape)
        m.d.comb += before.eq(state)
        return datapath.connect(m, lambda name, record: record, block, lambda: before).as_value()

    return outputs({"block": datapath.input_shape, "state": datapath.state_shape}, logic, vectors)


@pytest.mark.parametrize(("sum_width", "window"), [(4, 8), (13, 32), (9, 9)])
def test_steps_equal_the_definition(sum_width, window):
    """Near and far scales, sums that crowd the window, negative sums that are rounded down."""
    datapath, rng = AlignedAccumulator(sum_width, 7, window), Random(sum_width)
    window = datapath.window
    bound, states, vectors, wanted = (1 << sum_width - 1) - 1, [], [], []
    state = scalar.AlignedState()
    for _ in range(400):
        total = rng.choice((bound, -bound, 1, -1, 0, rng.randint(-bound, bound)))
        scale = (state.exponent or 0) + rng.choice((0, 0, 1, -1, 3, -3, -window - 2, 5))
        scale = max(-100, min(100, scale))
        states.append(state)
        exponent = datapath.start["exponent"] if state.exponent is None else state.exponent
        vectors.append({
            "block": pack(datapath.input_shape, sum=total, scale=scale, nan=0),
            "state": pack(datapath.state_shape, acc=state.total, exponent=exponent, nan=0),
        })  # fmt: skip
        state = scalar.step_aligned(state, (total, scale), window, sum_width)
        wanted.append(state)
        if rng.random() < 0.05 or not -100 <= state.exponent <= 100:
            state = scalar.AlignedState()
    for word, after in zip(step(datapath, vectors), wanted, strict=True):
        assert unpack(datapath.state_shape, word, "acc") == after.total
        assert unpack(datapath.state_shape, word, "exponent") == after.exponent


def test_nan_stays():
    datapath = AlignedAccumulator(5, 6)
    cases = [(a, b) for a in (0, 1) for b in (0, 1)]
    vectors = [{
        "block": pack(datapath.input_shape, sum=3, scale=0, nan=a),
        "state": pack(datapath.state_shape, acc=1, exponent=0, nan=b),
    } for a, b in cases]  # fmt: skip
    found = [unpack(datapath.state_shape, word, "nan", False) for word in step(datapath, vectors)]
    assert found == [a | b for a, b in cases]


def test_rounds_once_to_fp32():
    """Ties, carries, subnormal results, infinities; the canonical NaN."""
    datapath, rng = AlignedAccumulator(13, 9), Random(1)
    layout, cases = datapath.state_shape, []
    for _ in range(500):
        total = rng.choice((0, 1, -1, (1 << 24) + 1, (3 << 23) + 1, -(1 << WINDOW - 1), rng.randrange(-(1 << 31), 1 << 31)))
        cases.append((total, rng.choice((0, -146, -130, 120, 128, rng.randrange(-300, 300))), 0))
    cases.append((5, 0, 1))
    vectors = [{"value": pack(layout, acc=total, exponent=exponent, nan=nan)} for total, exponent, nan in cases]
    found = outputs({"value": layout}, lambda m, value: datapath.to_fp32(m, value), vectors)
    for (total, exponent, nan), word in zip(cases, found, strict=True):
        value = float("nan") if nan else scalar.round_to_float(total * Fraction(2) ** (exponent - datapath.guard))
        wanted = 0x7FC00000 if nan else struct.unpack("<I", struct.pack("<f", value))[0]
        assert word == wanted, (total, exponent)


def test_window_is_never_narrower_than_a_sum():
    assert AlignedAccumulator(40, 9).window == 41
    assert AlignedAccumulator(40, 9).guard == 0
    assert AlignedAccumulator(13, 9).window == WINDOW
