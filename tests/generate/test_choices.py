"""Names of choices: golden's, in the numbers that commands have."""

import numpy as np
import pytest

import golden
from hw.choices import DATAPATHS, FPGA_DATAPATHS, ROUNDING_MODES, Rounding
from hw.config import CoreConfig


@pytest.mark.parametrize("mode", ROUNDING_MODES)
def test_golden_rounds_in_every_mode(mode):
    seed = {"seed": 1} if mode == "stochastic" else {}
    golden.quantize(np.ones((1, 4), np.float32), golden.BlockFormat(4, 4), rounding=mode, **seed)


def test_numbers_are_those_of_the_command_word():
    assert [(mode.name, mode.value) for mode in Rounding] == [("NEAREST", 0), ("STOCHASTIC", 1), ("TRUNCATE", 2)]
    assert ROUNDING_MODES == ("nearest", "stochastic", "truncate")


def test_bodies_for_fpgas_are_bodies():
    assert set(FPGA_DATAPATHS) < set(DATAPATHS)
    assert CoreConfig().datapath in DATAPATHS
