"""Scripts of the recipes: what each reads, keeps out and writes."""

import re
from dataclasses import replace

import pytest

from synth.mapping.liberty import LibraryError, find_library
from synth.mapping.recipes import EFFORTS, Recipe, full_adder_map, gate_script


@pytest.fixture
def library(tmp_path):
    return find_library("reference", tmp_path)


def script(library, variants=None, part="tile", others=(), **options):
    variants = {"one": Recipe("strash")} if variants is None else variants
    return gate_script(part, list(others), library, variants, options.pop("clock_gates", False), **options)


def test_every_recipe_of_speed_is_tried_with_gates_for_full_adders_too():
    for name, recipe in EFFORTS["speed"].items():
        assert recipe.adder_cells == (not name.endswith("_open"))
        assert EFFORTS["speed"][name.removesuffix("_open")] == replace(recipe, adder_cells=True)
    assert all(recipe.carries in ("ripple", "fast") for recipes in EFFORTS.values() for recipe in recipes.values())


def test_full_adders_become_the_library_s(library):
    assert full_adder_map(library) == (
        "module full_adder(input a, b, c, output sum, carry);\n"
        "  FA _TECHMAP_REPLACE_ (.A(a), .B(b), .CI(c), .S(sum), .CO(carry));\nendmodule\n"
    )


def test_a_library_without_full_adders_has_no_map(library):
    del library.cells["FA"]  # of this test's own copy
    with pytest.raises(LibraryError, match=r"^library reference has no full adder$"):
        full_adder_map(library)
    assert "full_adder" not in script(library)


def test_each_variant_writes_its_netlist(library):
    text = script(library, EFFORTS["area"])
    for name in EFFORTS["area"]:
        assert f"-script {name}.abc\n" in text
        assert f"write_json {name}.json\nwrite_verilog -noattr -noexpr -nohex -nodec {name}.v\n" in text
    assert text.count("read_verilog design.v") == 1, "what is common is prepared once"


def test_what_differs_before_mapping_is_prepared_apart(library):
    text = script(library, {"a": Recipe("x"), "b": Recipe("x", "fast"), "c": Recipe("x", "ripple", False)})
    assert re.findall(r"design -save (\w+)", text) == ["ripple_cells", "fast_cells", "ripple_gates"]
    assert text.count("techmap -map ripple.v") == 2
    assert text.count("techmap -map full_adder.v") == 2


def test_other_parts_stay_instances(library):
    assert "blackbox unit other full_adder\n" in script(library, others=["unit", "other"])
    assert "blackbox" not in script(library, part="full_adder")


@pytest.mark.parametrize(("option", "command"), [("clock_gates", "clockgate -liberty "), ("memories", "memory -nomap")])
def test_options(option, command, library):
    assert command not in script(library)
    assert command in script(library, **{option: True})


def test_cells_that_a_library_forbids_are_not_used(tmp_path):
    text = find_library("reference", tmp_path).path.read_text()
    text = text.replace("cell (XOR2) {", "cell (XOR2) { dont_use : true;").replace("cell (MUX2)", "cell (lpflow_mux)")
    (tmp_path / "x.lib").write_text(text)
    assert "-dont_use XOR2 -dont_use lpflow_mux" in script(find_library(str(tmp_path / "x.lib"), tmp_path))
