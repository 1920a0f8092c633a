from dataclasses import replace
from itertools import pairwise

import pytest

from hw.config import CoreConfig
from hw.timing import Timing
from sim import estimate
from sim.network.cycles import product_cycles
from sim.network.plan import panels
from sim.study.trace import chrome_trace, timeline
from tests.sim.messages import rejects

CONFIG = CoreConfig(mantissa_widths=(4, 6), operand_depth=16)
SHAPES = [(4, 64, 4), (100, 64 * 16, 100), (100, 64 * 5, 3), (3, 64 * 5, 100), (20, 64 * 50, 20), (1, 1, 1)]


def by_track(events):
    tracks = {}
    for event in events:
        tracks.setdefault(event.track, []).append(event)
    return tracks


@pytest.mark.parametrize("shape", SHAPES)
def test_a_track_does_one_thing_at_a_time(shape):
    for events in by_track(timeline(CONFIG, *shape, 4, 6)).values():
        for before, after in pairwise(events):
            assert before.start + before.cycles <= after.start


@pytest.mark.parametrize("shape", SHAPES)
def test_events_account_for_the_counters(shape):
    m, k, n = shape
    tracks = by_track(timeline(CONFIG, *shape, 6, 6))
    cut = panels(CONFIG, m, k, n)
    counters = product_cycles(CONFIG, *shape, 6, 6)
    pieces = cut.row_panels * cut.column_panels
    assert len(tracks["array"]) == pieces * cut.inner_panels
    assert len(tracks["store C"]) == pieces
    assert sum(event.cycles for event in tracks["array"]) == counters.busy + counters.stalled_store
    end = max(event.start + event.cycles for events in tracks.values() for event in events)
    assert end + Timing(CONFIG).count_cycles == counters.total
    beats = -(-k // CONFIG.lanes)
    loads_a, loads_b = cut.loads
    assert sum(event.cycles for event in tracks["load A"]) >= m * beats * loads_a
    assert sum(event.cycles for event in tracks["load B"]) >= n * beats * loads_b


@pytest.mark.parametrize("shape", SHAPES)
def test_the_array_waits_for_its_operands_and_results_for_the_array(shape):
    loaded, computing = {"load A": 0, "load B": 0}, 0
    for event in timeline(CONFIG, *shape, 4, 4):
        if event.track in loaded:
            loaded[event.track] = event.start + event.cycles
        elif event.track == "array":
            assert event.start > max(loaded.values())
            computing = event.start
        else:
            assert event.start > computing


def test_loading_overlaps_computing():
    tracks = by_track(timeline(CONFIG, 1000, 64 * 16, 4, 6, 6))
    first, second = tracks["load A"][:2]
    assert second.start < tracks["array"][0].start < second.start + second.cycles
    assert second.start < first.start + first.cycles + 40  # as soon as its command is decoded


def test_a_half_in_use_is_not_overwritten():
    """An operand is loaded into the half that the command before the last has left."""
    config = replace(CONFIG, dot=1)
    tracks = by_track(timeline(config, 200, 64 * 16, 4, 6, 6))
    assert len(tracks["array"]) == len(tracks["load A"]) > 3
    for load, product_before in zip(tracks["load A"][2:], tracks["array"][1:], strict=False):
        assert load.start >= product_before.start


def test_chrome_trace_has_the_fields_of_the_format():
    result = estimate("resnet20", CONFIG, schedule="booster", training=True)
    trace = chrome_trace(result, "conv2_1a")
    names = {event["args"]["name"] for event in trace["traceEvents"] if event["ph"] == "M"}
    assert {"load A", "load B", "array", "store C"} <= names
    events = [event for event in trace["traceEvents"] if event["ph"] == "X"]
    assert {event["name"] for event in events} == {"forward", "input gradient", "weight gradient"}
    assert all(event["dur"] >= 0 and event["ts"] >= 0 and event["pid"] == 1 for event in events)
    assert not trace["otherData"]["cut_short"]


def test_the_longest_layer_is_the_default():
    result = estimate("resnet20", CONFIG)
    longest = max(result.rows, key=lambda row: row.cycles / row.count).layer
    assert chrome_trace(result)["otherData"]["layer"] == longest


def test_a_clock_gives_real_time():
    from sim import Physical

    slow = chrome_trace(estimate("resnet20", CONFIG), "fc")["traceEvents"][-1]
    fast = chrome_trace(estimate("resnet20", CONFIG, physical=Physical(clock_mhz=200)), "fc")["traceEvents"][-1]
    assert fast["dur"] == pytest.approx(slow["dur"] / 200)


def test_endless_layers_are_cut_short():
    result = estimate("llama-7b", CoreConfig(operand_depth=2, tile_rows=1, tile_columns=1))
    trace = chrome_trace(result, "decoder0.gate")
    assert trace["otherData"]["cut_short"]
    assert len(trace["traceEvents"]) <= 20_100


def test_rejects_an_unknown_layer():
    result = estimate("bert-base", CONFIG)
    known = "encoder0.self.query, encoder0.self.key, encoder0.self.value, ..., pooler"
    with rejects(ValueError, f"layer must be one of {known}, not conv1"):
        chrome_trace(result, "conv1")
