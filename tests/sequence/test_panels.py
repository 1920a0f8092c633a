"""Row panels of a product, one ahead of the other, against a division."""

from math import ceil

import pytest
from amaranth.hdl import Signal

from hw.config import CoreConfig
from hw.sequence.layouts import product_layout
from hw.sequence.panels import Panels, panel_layout
from tests.logic import cycles

CONFIG = CoreConfig(block_size=4, tile_rows=2, tile_columns=1, interleave=4, accumulator_cycles=5)


def wanted(config: CoreConfig, rows: int, least: int) -> list[dict]:
    """Every row panel of a product of so many rows."""
    groups, panels = ceil(rows / config.rows), []
    for first in range(0, groups, config.interleave):
        slots = min(config.interleave, groups - first)
        run = max(least, slots)
        panels.append({
            "slots": slots, "last_slot": run - 1, "one_slot": run == 1,
            "rows": min(config.output_rows, rows - first * config.rows), "last": first + config.interleave >= groups,
        })  # fmt: skip
    return panels


def walk(config: CoreConfig, least: int, jobs: list[int]) -> list[dict]:
    """What the current panel is, from a job's start to its end, job by job."""

    def logic(m, rows, groups, taken, accept, steps):
        offered, waiting = (Signal(product_layout(config)) for _ in range(2))
        m.d.comb += [offered.rows.eq(rows), offered.row_groups.eq(groups)]
        with m.If(taken):
            m.d.sync += waiting.eq(offered)
        panels = Panels(m, config, offered, taken, waiting, accept, steps, least)
        return panels.current.as_value(), panels.following.as_value(), panels.first.as_value()

    vectors, shown = [], []
    for rows in jobs:
        count = len(wanted(config, rows, least))
        vectors.append({"rows": rows, "groups": ceil(rows / config.rows), "taken": 1, "accept": 0, "steps": 0})
        vectors.append({"taken": 0, "accept": 1})
        for _ in range(count):
            shown.append(len(vectors))
            vectors.append({"accept": 0, "steps": 1})
    shapes = {"rows": 16, "groups": 16, "taken": 1, "accept": 1, "steps": 1}
    found = cycles(shapes, logic, vectors)
    layout = panel_layout(config)
    return [
        {name: found[at][0] >> field.offset & (1 << field.width) - 1 for name, field in layout} for at in shown
    ]  # fmt: skip


@pytest.mark.parametrize("least", [1, 3])
def test_panels_of_every_height(least):
    """Up to four panels, whole ones and rests; slots run empty where fewer would be too few."""
    jobs = list(range(1, 3 * CONFIG.output_rows + 3))
    assert walk(CONFIG, least, jobs) == [panel for rows in jobs for panel in wanted(CONFIG, rows, least)]


def test_a_unit_of_one_output():
    config = CoreConfig(block_size=4, tile_rows=3, tile_columns=1)
    jobs = [1, 3, 4, 9, 10]
    assert walk(config, 1, jobs) == [panel for rows in jobs for panel in wanted(config, rows, 1)]


def test_the_first_panel_is_known_before_its_job_begins():
    """A job's start asks it, and so it is registered when the job is taken."""

    def logic(m, rows, groups, taken, accept):
        offered, waiting = (Signal(product_layout(CONFIG)) for _ in range(2))
        m.d.comb += [offered.rows.eq(rows), offered.row_groups.eq(groups)]
        return Panels(m, CONFIG, offered, taken, waiting, accept, 0, 1).first.rows, accept

    shapes = {"rows": 16, "groups": 16, "taken": 1, "accept": 1}
    found = cycles(shapes, logic, [{"rows": 5, "groups": 3, "taken": 1}, {"taken": 0, "rows": 7}, {}])
    assert [rows for rows, _ in found] == [0, 5, 5]
