"""Networks on every device: golden, cycle model and compiled Verilog give the same bits, the last two in the same cycles."""

import numpy as np
import pytest

from hbfp.run import Network
from sim.devices import CycleDevice, GoldenDevice, RtlDevice
from tests.hbfp.run.lowering import test_attention, test_deformed, test_integers
from tests.hbfp.run.machines import CONFIG
from tests.hbfp.run.networks import NETWORKS, inputs_of, residual
from tests.sim.graphs.graphs import save

integers = {name: (made, {"x": x}) for name, (made, x) in test_integers.CASES.items()}
CASES = {
    "products": (residual(), inputs_of(residual())),
    "graphs in graphs": (NETWORKS["nested"], inputs_of(NETWORKS["nested"])),
    "scan": (NETWORKS["scan"], inputs_of(NETWORKS["scan"])),
    "function": (NETWORKS["function"], inputs_of(NETWORKS["function"])),
    "product of integers": integers["a zero point for each column"],
    "convolution of integers": integers["convolution in groups"],
    "attention": test_attention.attention(**test_attention.CASES["past with a mask and scores"]),
    "deformed convolution": test_deformed.CASES["all at once"],
}


@pytest.fixture(scope="module")
def rtl():
    """One compiled core for all."""
    return RtlDevice(CONFIG, quick=True)


def test_every_device_gives_the_same_bits(rtl, tmp_path):
    for name, (made, x) in CASES.items():
        network = Network(save(made, tmp_path))
        devices = GoldenDevice(CONFIG), CycleDevice(CONFIG), rtl
        on_golden, on_cycle, on_rtl = (network.run(x, device, "booster") for device in devices)
        for key in network.outputs:
            words = [result.outputs[key].view(np.uint32) for result in (on_golden, on_cycle, on_rtl)]
            assert np.array_equal(words[0], words[1]), name
            assert np.array_equal(words[0], words[2]), name
        assert on_golden.cycles is None
        assert on_cycle.layers == on_rtl.layers, name
        assert on_rtl.cycles == sum(layer.cycles for layer in on_rtl.layers) > 0
        assert [layer.saturated for layer in on_golden.layers] == [layer.saturated for layer in on_rtl.layers], name
        if "integers" not in name:
            assert any(not np.array_equal(on_golden.outputs[key], value) for key, value in network.fp32(x).items()), name
