"""Records of layers: noise, sums, and what programs read."""

import json
from dataclasses import replace

import numpy as np
import pytest

from hbfp.run.result import LayerResult, Result, with_sqnr

LAYER = LayerResult("conv", "Conv", 4, 100, 20.0, 3, 5, 40, 0.5)


@pytest.mark.parametrize(
    ("result", "wanted", "decibels"),
    [
        ([1.0, 2.0], [1.0, 2.0], np.inf), ([1.1, 0.0], [1.0, 0.0], 20.0), ([0.0, 2.0], [0.0, 1.0], 0.0), ([1.0], [0.0], -np.inf),
        ([0.0], [0.0], np.inf),
    ],
)  # fmt: skip
def test_noise_beside_power(result, wanted, decibels):
    assert with_sqnr(LAYER, np.array(result), np.array(wanted)).sqnr == pytest.approx(decibels)


def test_json_knows_no_infinity():
    assert json.loads(json.dumps(LAYER.to_dict(), allow_nan=False))["sqnr"] == 20.0
    assert replace(LAYER, sqnr=np.inf).to_dict()["sqnr"] is None
    assert list(LAYER.to_dict()) == ["name", "operation", "width", "macs", "sqnr", "saturated", "flushed", "cycles", "utilization",
                                     "walked"]  # fmt: skip


def test_cycles_are_of_all_layers_or_of_none():
    assert Result({}, (LAYER, replace(LAYER, cycles=2))).cycles == 42
    assert Result({}, (LAYER, replace(LAYER, cycles=None))).cycles is None
    assert Result({}, ()).cycles == 0
