import pytest
from matplotlib.figure import Figure

from hw.config import CoreConfig
from sim import Memory, estimate
from sim.study.plot import add_roofs, plot_roofline, plot_utilization
from tests.sim.messages import rejects

CONFIG = CoreConfig(mantissa_widths=(4, 6), mesh_rows=2, mesh_columns=2)


@pytest.mark.parametrize("plot", [plot_roofline, plot_utilization])
@pytest.mark.parametrize("memory", [Memory(), Memory(16)])
def test_plots_are_png_and_reproducible(plot, memory):
    result = estimate("resnet20", CONFIG, schedule="booster", memory=memory)
    image = plot(result)
    assert image[:8] == b"\x89PNG\r\n\x1a\n"
    assert plot(result) == image


def test_roofs_meet_at_the_ridge_and_no_point_lies_above():
    """Of a port of 48 bytes: 24 multiply-accumulates for an operation per byte, up to the peak of each width."""
    axes = Figure().subplots()
    axes.scatter([1, 300], [10, 100])
    add_roofs(axes, {"4 bits": 4096, "6 bits": 1024}, 48)
    slope, *levels = [line.get_xydata().tolist() for line in axes.lines]
    assert slope[1] == [4096 / 24, 4096]
    assert slope[0][1] == slope[0][0] * 24
    assert [level[0] for level in levels] == [[4096 / 24, 4096], [1024 / 24, 1024]]
    result = estimate("resnet20", CONFIG, schedule="booster")
    bytes_per_cycle = 4 * (2 * CONFIG.lanes + CONFIG.tile_columns)
    for row in result.rows:
        assert row.macs / row.cycles <= min(row.peak / row.passes, result.operations_per_byte(row) / 2 * bytes_per_cycle)


def test_a_roofline_needs_ports():
    with rejects(ValueError, "plot of a roofline needs ports, which ideal ones are not"):
        plot_roofline(estimate("resnet20", CONFIG, rates=None))
