"""How much fills a device."""

from dataclasses import asdict

import pytest

from synth.fpga.filled import DEVICES, Chip, filled, filled_lines
from synth.fpga.implement import Resources, Target
from synth.fpga.sets import tables


def unit(tables_per_mac, blocks_per_mac=0.0, target=None):
    counts = (round(16 * tables_per_mac), round(16 * blocks_per_mac))
    return Resources("a", "ecp5", 16, *counts, 0, {}, (), asdict(target) if target else {})


DEVICE = Chip("d", 1000, 10)


@pytest.mark.parametrize(("plain", "blocks", "most"), [
    (unit(10), None, 100), (None, unit(10, 0.5), 20), (unit(10), unit(5, 0.5), 20 + (1000 - 100) / 10),
    (unit(10), unit(100, 1), 100), (unit(400), unit(200, 1), 5), (None, unit(400, 1), 2.5),
])  # fmt: skip
def test_blocks_are_used_while_they_save_tables(plain, blocks, most):
    assert filled(DEVICE, plain, blocks) == pytest.approx(most)


def test_no_mixture_holds_more():
    plain, blocks = unit(40), unit(22.5, 0.5)
    mixtures = [
        n + (DEVICE.tables - n * blocks.tables_per_mac) / plain.tables_per_mac
        for n in range(21) if n * blocks.multipliers / blocks.macs <= DEVICE.blocks
    ]  # fmt: skip
    assert filled(DEVICE, plain, blocks) == pytest.approx(max(mixtures))


def test_lines_compare_with_hbfp4():
    fp16, chips = (Target("fp16", "ecp5", 4, 1, datapath=path) for path in ("carry_chain", "structural"))
    sizes = {Target("hbfp4", "ecp5", 16, 1): 40, Target("hbfp4", "ecp5"): 20, fp16: 300, chips: 200}
    found = {target: unit(per_mac, target=target) for target, per_mac in sizes.items()}
    lines = {line[0]: line[1:] for line in filled_lines(found)}
    assert lines["hbfp4"] == ["–", "–", "4182", "1.0"]
    assert lines["fp16"] == ["–", "–", f"{DEVICES['ecp5'].tables / 200:.0f}", "10.0"]
    assert lines["bf16"] == ["–"] * 4
    text = tables(list(found.values()))["filled"]
    assert "| MAC per cycle | XC7A100T | HBFP4 : it | LFE5U-85 | HBFP4 : it |" in text
    assert "bf16" not in text
