"""The quick proofs hold, broken designs are refuted, and the page shows the results that are kept."""

import re
from dataclasses import replace

import pytest

from hw.dot.product import Product
from hw.emit import emit_verilog
from synth.mapping.flow import synthesise
from synth.mapping.liberty import find_library
from synth.mapping.recipes import EFFORTS
from tests.prove import table
from tests.prove.__main__ import main
from tests.prove.kinds.netlists import equivalent
from tests.prove.properties import PROPERTIES
from tests.prove.solvers import Change, Refuted

NAMED = {prop.name: prop for prop in PROPERTIES}
BROKEN = {
    "a packet's end stays inside": ("stream/gearbox 1 to 2", r"(assign o__valid = \S+ )\s*\| ending", r"\1"),
    "a gearbox takes more than it holds": ("stream/gearbox 1 to 2", r"(assign i__ready = \S+)\s+& \S+ ;", r"\1 ;"),
    "the next C enters before this one has left": (
        "output stage/offers of the stage with everything", r"(assign \S+  = )~ entered", r"\1 1'h1",
    ),
    "a C is over before its last block": (
        "output stage/offers of the stage with everything", r"(\.part \(.*?assign \S+  = \S+ ) & tensor_last;", r"\1;",
    ),
    "a result's address loses a part": (
        "results/buffer from reset, 2 rows, 2 columns in 2 tiles", r"(module result_buffer.*?= \S+  \+ \S+ );", r"\1 - 1'h1;",
    ),
    "a packet's words behind its line pass": ("stream/line guard", r"(= line_start) & (\\inside)", r"\1 | \2"),
    "a joined sum loses its rounding": (
        "joined/2 blocks, sums of 6 bits, scales of 5", r"\{ 1'h0, moved_0_0_8\[0\] \}", "2'h0",
    ),
    "a refusal is not told": ("control/decoder", r"refused = 1'h1", "refused = 1'h0"),
    "an element's sticky bit is lost": ("quantizer/element, 4 bits, nearest", r"(assign \S+\s+= sticky) \| element\[0\]", r"\1"),
    "an addend's sticky bit is lost": ("float/add (3, 4)", r"(assign align_shift_lost_1 = \S+)\s*\|[^;]*;", r"\1;"),
    "two bits of a product are swapped": ("dot/16 products of 4 bits", r"bits\[0\]", "bits[9]"),
    "a full adder has another carry": ("dot/adder cells", r"(module full_adder.*?assign carry = \S+ )\s*\|", r"\1 &"),
}


def replaced(pattern: str, replacement: str) -> Change:
    """The change of the first match, which must be there."""

    def change(text: str) -> str:
        changed, count = re.subn(pattern, replacement, text, count=1, flags=re.DOTALL)
        assert count == 1, "the text to be changed is gone"
        return changed

    return change


@pytest.mark.parametrize("name", [prop.name for prop in PROPERTIES if prop.quick])
def test_quick_property_holds(name):
    NAMED[name].check()


@pytest.mark.parametrize("what", BROKEN)
def test_broken_design_is_refuted(what):
    name, pattern, replacement = BROKEN[what]
    with pytest.raises(Refuted):
        NAMED[name].check(replaced(pattern, replacement))


def test_broken_netlist_is_refuted(tmp_path, monkeypatch):
    """One product in the built-in library, and with one gate turned into another."""
    product, library, effort = Product(4), find_library("reference", tmp_path), "only direct"
    monkeypatch.setitem(EFFORTS, effort, {"direct": EFFORTS["area"]["direct"]})
    text, name = emit_verilog(product), product.module_name
    part = synthesise(text, name, [], library, effort=effort, build=tmp_path / "build").parts[name]
    equivalent(part, {name}, library, tmp_path, 20)
    with pytest.raises(Refuted, match=f"^{name} differs$"):
        equivalent(part, {name}, library, tmp_path, 20, replaced(r"\bNOR2 ", "NAND2 "))


def test_a_stopped_solver_proves_nothing():
    slow = replace(NAMED["float/add (8, 8), exponents up to 10 apart"], seconds=1)
    assert slow.run().result == "not finished in 1 s"


def test_names_are_distinct_and_kept_results_are_theirs():
    assert len(NAMED) == len(PROPERTIES)
    kept = {result.name: result for result in table.read()}
    assert set(kept) == set(NAMED)
    for name, result in kept.items():
        assert (result.words, result.bound) == (NAMED[name].words, NAMED[name].bound)


def test_the_page_has_the_table():
    assert table.markdown(table.read()) in table.PAGE.read_text()


def test_rejects_a_name_of_no_property(capsys):
    with pytest.raises(SystemExit) as stop:
        main(["nothing"])
    assert stop.value.code == 2
    assert "only must be part of a property's name, not nothing" in capsys.readouterr().err


def test_lists_what_is_asked_for(capsys):
    assert main(["--list", "--quick", "fifo"]) == 0
    assert capsys.readouterr().out == "stream/fifo\n"
