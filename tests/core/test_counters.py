"""The counters against sums of what they were told."""

from random import Random

import cocotb
import pytest

from hw.config import CoreConfig
from hw.core.counters import COUNTERS, Counters, counters_layout
from hw.core.result_buffer import beat_layout
from hw.quantize.block_quantizer import conversion_health
from hw.timing import COUNTER_WIDTH
from tests.bench import parameters, simulate
from tests.layouts import pack, step, unpack
from tests.streams import reset, start_clock

CONFIG = CoreConfig(block_size=12, tile_rows=1, tile_columns=3, lanes=3)
FLAGS = {
    "busy": "busy", "active": "active", "stalled_load": "stalled_load", "stalled_store": "stalled_store",
    "waited_a": "waited_a", "waited_b": "waited_b", "blocked": "blocked_output", "refused": "refused",
    "finished": "completed", "stored": "completed",
}  # fmt: skip
"""The counter that each one-bit event steps."""
SLOW = ("overflows", "nan_results")
"""Counts of what is in a beat of C, which take all of ``count_cycles``; the others take a cycle less."""
NARROW = 5
"""Bits of counters that are soon full."""
LARGEST = {"saturated": 4, "flushed": 4, "nan_blocks": 2}
WORDS = (0, 0x80000000, 0x7F800000, 0xFF800000, 0x7FC00000, 0x7F800001, 0x3F800000, 0x7F7FFFFF)


@cocotb.test()
async def every_event_is_counted_once(dut):
    """Random events in every cycle, several at once; ``clear`` forgets all, also those of its own cycle."""
    rng, width = Random(1), parameters()["width"]
    health, beats = conversion_health(CONFIG.lanes), beat_layout(CONFIG)
    start_clock(dut)
    await reset(dut, clear=1, beat_sent=0)
    counts = dict.fromkeys(COUNTERS, 0)
    late = [counts] * Counters.count_cycles
    for _ in range(1500):
        inputs = {name: rng.getrandbits(1) for name in (*FLAGS, "beat_sent")} | {"clear": rng.random() < 0.01}
        healths = {f"health_{name}": {kind: rng.randrange(most) for kind, most in LARGEST.items()} for name in "abc"}
        data, keep = [rng.choice(WORDS) for _ in range(3)], rng.getrandbits(3)
        beat = pack(beats, {"data": data, "keep": keep})
        packed = {name: pack(health, value) for name, value in healths.items()}
        (word,) = await step(dut, ["o"], beat=beat, **inputs, **packed)
        shown = unpack(counters_layout(width), word)
        late.append({name: min(count, (1 << width) - 1) for name, count in counts.items()})
        for name in COUNTERS:
            lag = 0 if name == "cycles" else Counters.count_cycles if name in SLOW else 1
            assert getattr(shown, name) == late[-1 - lag][name]
        kept = [w & 0x7FFFFFFF for n, w in enumerate(data) if inputs["beat_sent"] and keep >> n & 1]
        counts["cycles"] += 1
        counts["overflows"] += sum(w == 0x7F800000 for w in kept)
        counts["nan_results"] += sum(w > 0x7F800000 for w in kept)
        for name, counter in FLAGS.items():
            counts[counter] += inputs[name]
        for value in healths.values():
            for name, amount in value.items():
                counts[name] += amount
        if inputs["clear"]:
            counts = dict.fromkeys(COUNTERS, 0)


@cocotb.test()
async def narrow_counters_stay_at_their_largest_value(dut):
    """With one event a cycle, and with several, which would pass it; until all are cleared."""
    health = conversion_health(CONFIG.lanes)
    most = (1 << NARROW) - 1
    events = dict.fromkeys(FLAGS, 1) | {
        f"health_{name}": pack(health, {kind: top - 1 for kind, top in LARGEST.items()}) for name in "abc"
    } | {"beat_sent": 1, "beat": pack(beat_layout(CONFIG), {"data": [0x7F800000, 0x7F800000, 0x7FC00000], "keep": 7})}
    start_clock(dut)
    await reset(dut, clear=1)
    seen = []
    for _ in range(most + 12):
        (word,) = await step(dut, ["o"], **events, clear=0)
        seen.append(unpack(counters_layout(NARROW), word))
    for name in COUNTERS:
        values = [getattr(shown, name) for shown in seen]
        assert values == sorted(values)
        assert values[-1] == most
    await step(dut, ["o"], **dict.fromkeys(events, 0), clear=1)
    for _ in range(Counters.count_cycles + 1):
        (word,) = await step(dut, ["o"], clear=0)
    shown = unpack(counters_layout(NARROW), word)
    assert all(getattr(shown, name) == 0 for name in COUNTERS if name != "cycles")
    assert shown.cycles == Counters.count_cycles


@pytest.mark.cocotb
@pytest.mark.parametrize(("width", "case"), [
    (COUNTER_WIDTH, "every_event_is_counted_once"), (NARROW, "every_event_is_counted_once"),
    (NARROW, "narrow_counters_stay_at_their_largest_value"),
])  # fmt: skip
def test_counters(width, case):
    component = Counters(CONFIG, conversion_health(CONFIG.lanes), width)
    assert simulate(component, "tests.core.test_counters", {"width": width}, testcase=case) == 1
