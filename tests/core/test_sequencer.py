"""The sequencer against the loop nest it unrolls."""

from dataclasses import dataclass
from random import Random

import cocotb
import pytest

from hw.array.control import control_layout
from hw.config import CoreConfig
from hw.core.operand_buffer import read_layout
from hw.core.sequencer import Sequencer
from hw.sequence.layouts import product_layout, tile_layout
from tests.bench import parameters, simulate
from tests.layouts import pack, step, unpack
from tests.streams import reset, start_clock

CONFIGS = {
    "mixed": CoreConfig(
        mantissa_widths=(4, 6), block_size=4, dot=2, tile_rows=1, tile_columns=2, mesh_rows=2, interleave=3,
        operand_depth=64, panel_columns=4,
    ),
    "deep": CoreConfig(
        block_size=4, tile_rows=2, tile_columns=1, mesh_columns=3, interleave=4, accumulator_cycles=5, operand_depth=64
    ),
}  # fmt: skip
DRAIN_CYCLES = 14


def machine() -> CoreConfig:
    return CoreConfig.from_dict(parameters()["config"])


def random_job(rng: Random, config: CoreConfig, first: bool) -> dict:
    rows, columns = rng.randint(1, 3 * config.output_rows), rng.randint(1, 5 * config.columns)
    blocks = rng.choice((1, 2, 5))
    return {
        "rows": rows, "columns": columns, "blocks": blocks, "row_groups": -(-rows // config.rows),
        "column_groups": -(-columns // config.columns), "load_a": int(first or rng.random() < 0.6),
        "load_b": int(first or rng.random() < 0.6), "accumulate": rng.getrandbits(1), "store": int(rng.random() < 0.8),
        "width_a": rng.choice(config.mantissa_widths), "width_b": rng.choice(config.mantissa_widths),
    }  # fmt: skip


def slice_pairs(config: CoreConfig, job: dict) -> list[tuple[int, int]]:
    """Slices of A and B of each pass, heaviest first: the order of numerics' sum 64 HH + 8 (HL + LH) + LL."""
    if not config.mixed:
        return [(0, 0)]
    counts = config.slices(job["width_a"]), config.slices(job["width_b"])
    pairs = [(a, b) for a in reversed(range(counts[0])) for b in reversed(range(counts[1]))]
    return sorted(pairs, key=lambda pair: -sum(pair))


def unroll(config: CoreConfig, job: dict, halves: dict):
    """Every cycle's issue: reads of A and B, control, and the output tile it ends, if any."""
    least_slots = -(-config.loop_cycles // config.steps)
    pairs, k = slice_pairs(config, job), config.interleave
    for stripe in range(-(-job["row_groups"] // k)):
        used = min(k, job["row_groups"] - stripe * k)
        for column in range(job["column_groups"]):
            for block in range(job["blocks"]):
                for slot in range(max(used, least_slots)):
                    for n, (slice_a, slice_b) in enumerate(pairs):
                        for s in range(config.steps):
                            ends = n == len(pairs) - 1 and s == config.steps - 1
                            lighter = n > 0 and slice_a + slice_b < sum(pairs[n - 1])
                            yield Issue(
                                {"half": halves["a"], "block": (stripe * k + slot) * job["blocks"] + block, "step": s,
                                 "slice": slice_a},
                                {"half": halves["b"], "block": column * job["blocks"] + block, "step": s,
                                 "slice": slice_b},
                                {"valid": slot < used, "clear": n == 0 and s == 0, "shift": lighter and s == 0,
                                 "block": ends, "first": block == 0 and not job["accumulate"],
                                 "last": block == job["blocks"] - 1 and job["store"], "final": slot == used - 1,
                                 "slot": slot},
                                _tile(config, job, stripe, column, used)
                                if ends and job["store"] and block == job["blocks"] - 1
                                and slot == used - 1 else None,
                            )  # fmt: skip


@dataclass
class Issue:
    read_a: dict
    read_b: dict
    control: dict
    tile: dict | None


def _tile(config: CoreConfig, job: dict, stripe: int, column: int, used: int) -> dict:
    panel, tile = divmod(column, config.panel_tiles)
    last = column == job["column_groups"] - 1
    return {
        "valid": 1, "slots": used, "rows": min(config.output_rows, job["rows"] - stripe * config.output_rows),
        "columns": min(config.panel_columns, job["columns"] - panel * config.panel_columns), "panel_tile": tile,
        "panel_last": last or tile == config.panel_tiles - 1,
        "last": last and (stripe + 1) * config.interleave >= job["row_groups"],
    }  # fmt: skip


def agrees(layout, word: int, wanted: dict) -> None:
    shown = unpack(layout, word)
    assert {name: getattr(shown, name) for name in wanted} == wanted


class Surroundings:
    """Loaders that fill halves and a store stage that frees panels, each after random times."""

    def __init__(self, rng: Random, retire_cycles: int, patience: int):
        self.rng, self.retire_cycles, self.patience = rng, retire_cycles, patience
        self.full, self.in_use = dict.fromkeys("ab", 0), dict.fromkeys("ab", 0)
        self.holding = dict.fromkeys("ab", False)
        self.retiring = {name: [0] * retire_cycles for name in "ab"}
        self.panels = []  # cycles at which complete panels leave
        self.begun = 0  # panels begun and not left

    def inputs(self, cycle: int) -> dict:
        for name in "ab":
            if self.in_use[name] < 2 and self.rng.randrange(self.patience + 1) == 0:
                self.in_use[name] += 1
                self.full[name] += 1
        free = bool(self.panels) and cycle >= self.panels[0]
        if free:
            self.panels.pop(0)
            self.begun -= 1
        return {"full_a": self.full["a"] > 0, "full_b": self.full["b"] > 0, "panel_free": free}

    def follow(self, name: str, take: int, retire: int) -> None:
        """The loader's side of ``take`` and ``retire``."""
        assert retire == self.retiring[name].pop(0)
        self.retiring[name].append(int(take and self.holding[name]))
        self.in_use[name] -= retire
        if take:
            assert self.full[name]
            self.full[name] -= 1
            self.holding[name] = True

    def tile(self, tile: dict, cycle: int) -> None:
        self.begun += tile["panel_tile"] == 0
        assert self.begun <= 2
        if tile["panel_last"]:
            self.panels.append(cycle + 1 + self.rng.randint(0, 8 * self.patience))


@cocotb.test()
@cocotb.parametrize(patience=[0, 12])
async def issues_the_loop_nest_step_by_step(dut, patience):
    """Every issue in order; halves alternate; captures keep their distance and never more than two panels are begun.

    Without patience the surroundings are always ready, and then nothing but the drain chains makes it wait.
    """
    config, rng = machine(), Random(patience)
    sequencer = Sequencer(config, DRAIN_CYCLES)
    jobs = [random_job(rng, config, n == 0) for n in range(10)]
    halves, issues, finishing = {"a": 1, "b": 1}, [], []
    for job in jobs:
        for name in "ab":
            halves[name] ^= job[f"load_{name}"]
        issues += list(unroll(config, job, halves))
        finishing += [0] * (len(issues) - len(finishing) - 1) + [int(not job["store"])]
    start_clock(dut)
    await reset(dut, i__valid=0, full_a=0, full_b=0, panel_free=0)
    around = Surroundings(rng, sequencer.retire_cycles, patience)
    ports = [
        "i__ready", "read_a", "read_b", "control", "o_tile", "active", "stalled_load", "stalled_store", "finished",
        "take_a", "take_b", "retire_a", "retire_b",
    ]  # fmt: skip
    words = [pack(product_layout(config), job) for job in jobs]
    position, tile_end, cycle = 0, -DRAIN_CYCLES, 0
    while position < len(issues):
        cycle += 1
        offered = bool(words)
        values = await step(dut, ports, i__valid=offered, i__payload=words[0] if words else 0, **around.inputs(cycle))
        seen = dict(zip(ports, values, strict=True))
        for name in "ab":
            around.follow(name, seen[f"take_{name}"], seen[f"retire_{name}"])
        if offered and seen["i__ready"]:
            words.pop(0)
        if seen["stalled_load"]:
            assert patience
        tile = unpack(tile_layout(config), seen["o_tile"])
        if not seen["active"] or seen["stalled_store"]:
            assert not seen["control"] & 1
            assert not tile.valid
            continue
        wanted = issues[position]
        agrees(control_layout(config), seen["control"], wanted.control if wanted.control["valid"] else {"valid": 0})
        if wanted.control["valid"]:
            agrees(read_layout(config), seen["read_a"], wanted.read_a)
            agrees(read_layout(config), seen["read_b"], wanted.read_b)
            if wanted.control["block"] and wanted.control["last"] and wanted.control["slot"] == 0:
                assert cycle - tile_end >= DRAIN_CYCLES
        assert tile.valid == (wanted.tile is not None)
        if wanted.tile:
            agrees(tile_layout(config), seen["o_tile"], wanted.tile)
            around.tile(wanted.tile, cycle)
            tile_end = cycle
        assert seen["finished"] == finishing[position]
        position += 1
    assert not words


@cocotb.test()
async def never_waits_when_products_are_long(dut):
    """While an output tile takes longer than the drain, every cycle from the first issue to the last has one."""
    config = machine()
    blocks = 2 * DRAIN_CYCLES
    job = {
        "rows": config.output_rows, "columns": 2 * config.columns, "row_groups": config.interleave, "column_groups": 2,
        "blocks": blocks // config.interleave, "load_a": 1, "load_b": 1, "store": 1,
        "width_a": config.mantissa_widths[0], "width_b": config.mantissa_widths[0],
    }  # fmt: skip
    start_clock(dut)
    await reset(dut, i__valid=0, full_a=0, full_b=0, panel_free=0)
    word, busy, jobs = pack(product_layout(config), job), [], 3
    per_job = 2 * config.interleave * job["blocks"] * config.steps
    for _ in range(jobs * per_job + 10):
        ready, control, tile = await step(
            dut, ["i__ready", "control", "o_tile"], i__valid=jobs > 0, i__payload=word, full_a=1, full_b=1, panel_free=0
        )
        jobs -= jobs > 0 and ready
        busy.append(control & 1)
        if unpack(tile_layout(config), tile).panel_last and tile & 1:
            await step(dut, panel_free=1)
            busy.append(1)
    runs = "".join(map(str, busy)).strip("0")
    assert "0" not in runs


@pytest.mark.cocotb
@pytest.mark.parametrize("name", CONFIGS)
def test_sequencer(name):
    component = Sequencer(CONFIGS[name], DRAIN_CYCLES)
    assert simulate(component, "tests.core.test_sequencer", {"config": CONFIGS[name].to_dict()}) == 3
