"""Energy of small units, in a library made for the test."""

import pytest

from hw.baseline.elements import element_for
from hw.baseline.formats import format_named
from synth.density.designs import config_for
from synth.energy.measure import EnergyDesign, measure_energy
from synth.energy.stimulus import Stimulus


def test_a_stimulus_brings_the_blocks_of_one_output_after_the_other():
    form = format_named("hbfp4/32")
    config = config_for(form, cycles=3)
    stimulus = Stimulus(form, config, element_for(form)(config), "uniform", 4)
    places = [stimulus._place(0, cycle) for cycle in range(6)]
    assert [(row, column, block) for _, row, column, block, _ in places] == [
        (0, 0, 0), (4, 0, 0), (0, 0, 1), (4, 0, 1), (0, 4, 0), (4, 4, 0)]  # fmt: skip
    first = next(iter(stimulus))
    assert len(first["a"]) == 4
    assert first["a"][0] != first["a"][2]


def test_unknown_statistics_are_refused(tmp_path):
    with pytest.raises(ValueError, match=r"^statistics must be one of digits, uniform, not cats$"):
        measure_energy(EnergyDesign("int4", statistics="cats"), build=tmp_path)
