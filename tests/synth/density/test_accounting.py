"""Every accounting counts what it says, once."""

import pytest

from synth.density.accounting import category_of
from synth.density.measure import measure
from synth.density.row import Design
from synth.mapping.recipes import EFFORTS


@pytest.fixture(scope="module")
def build(tmp_path_factory):
    """One cache for all of them, and one quick recipe: what is counted does not depend on it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(EFFORTS, "area", {"direct": EFFORTS["area"]["direct"]})
        yield tmp_path_factory.mktemp("build")


def areas(build, name, **options):
    row = measure(Design(name, **options), build=build, timing=False)
    assert row.area == pytest.approx(sum(row.parts.values()))
    assert row.verified > 0
    return row.parts


def test_the_formula_is_that_of_the_publication(build):
    parts = areas(build, "hbfp4", accounting="formula")
    bf16 = areas(build, "bf16-bf16", accounting="formula")
    assert set(parts) == {"multiplier", "adder", "accumulator", "exponents"}
    assert parts["accumulator"] == pytest.approx(bf16["adder"] / 16)
    # Ripple adders of full-adder cells: 13 bits and 10 bits / 16², less what ends and begins are short of.
    assert parts["exponents"] * 256 / parts["adder"] == pytest.approx(10 / 13, rel=0.05)


def test_a_dot_unit_has_one_adder_less_than_multipliers(build):
    one = areas(build, "bf16-bf16", accounting="formula")
    unit = areas(build, "bf16-bf16", accounting="dot unit", dot=8)
    assert unit["multipliers"] == pytest.approx(one["multiplier"])
    assert unit["adders"] == pytest.approx(one["adder"] * 7 / 8)


def test_a_shared_converter_counts_a_sixteenth_of_an_own_one(build):
    none, own, shared = (
        areas(build, "hbfp4-bf16/8", accounting="dot unit", converter=converter)
        for converter in ("none", "own", "shared")
    )
    assert own["converter"] == pytest.approx(16 * shared["converter"])
    assert own.keys() - none.keys() == {"converter"}
    assert all(own[name] == shared[name] == none[name] for name in none)


def test_an_array_is_its_tile_and_what_is_around_it(build):
    options = {"dot": 8, "rows": 1, "columns": 1}
    for name, more in (("hbfp4/8", {"control", "finisher", "converters"}), ("int4", {"control", "finisher"})):
        tile, array = areas(build, name, **options), areas(build, name, accounting="array", **options)
        assert array.keys() - tile.keys() == more
        assert all(array[part] == pytest.approx(tile[part]) for part in tile)


def test_every_part_has_its_place():
    assert category_of("paired_dot_product_6_d64_s17") == "core"
    assert category_of("loader_4_q1024") == "converters"
    assert category_of("counters_4_16") == "control"


@pytest.mark.parametrize(
    ("design", "message"),
    [
        (Design("int8", accounting="formula"), "the formula knows block formats and floats, not int8"),
        (Design("mxfp4", accounting="dot unit"), "the unit is defined for HBFP and floats, not mxfp4"),
        (Design("hbfp4", accounting="chip"), "accounting must be one of tile, array, dot unit, formula, not chip"),
        (Design("hbfp4", converter="two"), "converter must be one of none, own, shared, not two"),
        (Design("hbfp4", accounting="formula", clock_gating=True), "clock_gating must be of a tile or an array, not of a formula"),
    ],
)
def test_refuses_what_an_accounting_does_not_know(design, message, build):
    with pytest.raises(ValueError, match=f"^{message}$"):
        measure(design, build=build)
