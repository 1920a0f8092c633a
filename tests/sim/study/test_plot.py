import pytest

from hw.config import CoreConfig
from sim import Memory, estimate
from sim.study.plot import plot_roofline, plot_utilization

CONFIG = CoreConfig(mantissa_widths=(4, 6), mesh_rows=2, mesh_columns=2)


@pytest.mark.parametrize("plot", [plot_roofline, plot_utilization])
@pytest.mark.parametrize("memory", [Memory(), Memory(16)])
def test_plots_are_png_and_reproducible(plot, memory):
    result = estimate("resnet20", CONFIG, schedule="booster", memory=memory)
    image = plot(result)
    assert image[:8] == b"\x89PNG\r\n\x1a\n"
    assert plot(result) == image
