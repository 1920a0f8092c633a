"""Claims: which rows each is made from, and what makes one hold."""

import pytest

from synth.report.claims import AIMS, CLAIMS, SELECTORS, aims, find, libraries_of, memory_density, ratio, verdicts
from tests.synth.density.rows import row

UNIT = {"accounting": "dot unit"}


def test_a_claim_names_an_accounting_and_stands_once():
    assert {claim.accounting for claim in CLAIMS} == {*SELECTORS, "equal clock", "best clock"} - {"dot unit"}
    assert len({(c.source, c.text, c.accounting) for c in CLAIMS}) == len(CLAIMS)
    assert all(claim.published > 1 for claim in CLAIMS)


@pytest.mark.parametrize(
    ("accounting", "name", "made"),
    [
        ("tile", "hbfp4", row("hbfp4", 1)), ("storage", "hbfp4", row("hbfp4", 1)),
        ("cell", "int8", row("int8", 1, dot=16, rows=1, columns=1)),
        ("formula", "fp32", row("fp32", 1, accounting="formula")),
        ("array", "hbfp4", row("hbfp4", 1, accounting="array")),
        ("array of 2x2 tiles", "hbfp4", row("hbfp4", 1, accounting="array", mesh=2)),
        ("dot unit", "hbfp4-bf16", row("hbfp4-bf16", 1, **UNIT)),
        ("dot unit, own converter", "hbfp4-bf16", row("hbfp4-bf16", 1, converter="own", **UNIT)),
        ("dot unit, shared converter", "hbfp4", row("hbfp4", 1, converter="shared", **UNIT)),
        ("dot unit, own converter", "fp32/64", row("fp32", 1, dot=64, **UNIT)),
        ("dot unit, shared converter", "fp32/16", row("fp32", 1, dot=16, **UNIT)),
    ],
)  # fmt: skip
def test_each_accounting_finds_its_row_and_no_other(accounting, name, made):
    others = [row("mxfp4", 1), row("hbfp4", 9, library="other"), row("hbfp4", 9, effort="speed"), row("hbfp4", 9, mesh=3, **UNIT)]
    if accounting == "dot unit, shared converter":
        others.append(row("hbfp4", 9, converter="own", **UNIT))
    assert find([*others, made], "reference", name, accounting) is made
    assert find([made], "other", name, accounting) is None


def test_ratios_are_of_area_or_of_bits():
    rows = [row("hbfp4", 10), row("mxfp4", 25, changes={"bits_per_element": 4.5})]
    assert ratio(rows, "reference", "hbfp4", "mxfp4") == 2.5
    assert ratio(rows, "reference", "hbfp4", "mxfp4", "storage") == 4.5 / 4.125
    assert ratio(rows, "reference", "hbfp4", "int8") is None
    assert memory_density(rows[0], rows[1]) == pytest.approx(2.5 * 4.5 / 4.125)


@pytest.mark.parametrize(
    ("one", "two", "verdict"),
    [(250, 250, "holds"), (249, 250, "holds in some libraries"), (249, 1, "does not hold"), (250, None, "holds")],
)
def test_a_claim_holds_where_it_does_in_every_library(one, two, verdict):
    rows = [row("hbfp4", 10), row("fp32", one), row("hbfp4", 10, library="two")]
    rows += [row("fp32", two, library="two")] if two else []
    (found,) = (v for v in verdicts(rows) if v.claim.published == 25 and v.claim.accounting == "tile")
    assert found.verdict == verdict
    assert found.measured == {"reference": one / 10, "two": two / 10 if two else None}


def test_what_was_not_measured_is_not_told():
    assert verdicts([row("hbfp4", 10)]) == []
    rows = [row("hbfp4", 10), row("fp32", 300), row("nvfp4", 20)]
    told = {v.claim.other for v in verdicts(rows)}
    assert told == {"fp32", "nvfp4"}
    assert {v.claim.other for v in verdicts(rows, headline=True)} == {"fp32"}


def test_libraries_in_their_order():
    assert libraries_of([row("a", 1, library=name) for name in ("z", "a", "z", "m")]) == ["z", "a", "m"]


def test_aims_are_at_most_or_at_least():
    rows = [row(name, area, library="nangate45") for name, area in (("hbfp4", 92), ("fp32", 92 * 42), ("mixed46", 95))]
    found = {(text, relation): (aim, value, reached) for text, _, _, relation, aim, value, reached in aims(rows)}
    assert found == {
        ("HBFP4, area per MAC", "at most"): (92, 92, True), ("FP32 / HBFP4", "at least"): (42, 42, True),
        ("mixed 4/6 / HBFP4", "at most"): (1.03, 95 / 92, False),
    }  # fmt: skip
    assert aims([row("hbfp4", 1)]) == [], "in the library that the aim is of"
    rows = [row(name, area, 2.0, library="nangate45", effort="speed") for name, area in (("hbfp4", 100), ("fp32", 4100))]
    assert [found[5:] for found in aims(rows) if found[:2] == ("FP32 / HBFP4", "equal clock")] == [(41, False)]
    assert len({(*aim[:3], aim[-1]) for aim in AIMS}) == len(AIMS)
