"""The flow from component to verified area, in the built-in library."""

import re
import subprocess
import sys
from itertools import cycle

import pytest

from hw.baseline.elements import element_for
from hw.baseline.formats import format_named
from hw.dot.dot_product import DotProduct
from hw.emit import emit_verilog
from hw.host.tools import yosys
from synth.__main__ import main
from synth.density.designs import PARTS, Mismatch, config_for, simulate_unit
from synth.density.measure import measure
from synth.density.row import Design
from synth.mapping.flow import _candidates, modules_of, synthesise
from synth.mapping.liberty import REFERENCE, LibraryError, find_library
from synth.mapping.recipes import EFFORTS
from synth.sweep import sweep

FORMATS = ("hbfp4/8", "hbfp4-aligned/8", "hbfp4-bf16/8", "mixed46/8", "mxfp4/8", "mxfp6-e2m3/8", "mxfp6-e3m2/8",
           "mxfp8-e4m3/4", "mxint8/8", "nvfp4/8", "msfp12/8")  # fmt: skip
UNSHARED = ("int8", "int4", "fp32", "fp16", "bf16", "bf16-bf16", "fp8-e4m3", "fp8-e5m2")
PIPELINES = (
    ("hbfp4/16", 16, 1, 3),
    ("hbfp6/4", 4, 1, 5),
    ("mxfp4/8", 8, 1, 3),
    ("int8", 8, 2, 2),
    ("bf16-bf16", 4, 3, 4),
)


RECIPES = cycle(EFFORTS["area"])
"""One after the other, so that some unit's netlist is that of each."""


@pytest.fixture(autouse=True)
def single_recipes(monkeypatch):
    for name, script in EFFORTS["area"].items():
        monkeypatch.setitem(EFFORTS, f"only {name}", {name: script})


def each(names):
    """Parameters (a name, or values that begin with one) with a recipe each."""
    rows = [name if isinstance(name, tuple) else (name,) for name in names]
    return [pytest.param(*row, recipe, id=f"{row[0]}-{recipe}") for row, recipe in zip(rows, RECIPES, strict=False)]


def unit_of(name, tmp_path, dot=None, size=1, cycles=1, tree_cycles=0, recipe="direct"):
    """A mapped unit of a tile of ``size`` rows and columns: its format, configuration, synthesis and library."""
    form = format_named(name)
    config = config_for(form, dot, size, size, cycles, tree_cycles)
    unit = element_for(form)(config)
    library = find_library("reference", tmp_path)
    texts = [emit_verilog(part) for part in (unit, *(p() for p in (unit.prepare_a, unit.prepare_b) if p))]
    modules = {name: text for verilog in texts for name, text in modules_of(verilog).items()}
    verilog = "\n".join(modules.values())
    parts = [name for name in modules if name.startswith(PARTS)]
    effort = f"only {recipe}"
    synthesis = synthesise(verilog, unit.module_name, parts, library, effort=effort, build=tmp_path)
    for prepare in {p().module_name for p in (unit.prepare_a, unit.prepare_b) if p}:
        synthesis.parts |= synthesise(verilog, prepare, [], library, effort=effort, build=tmp_path).parts
    return form, config, synthesis, library


@pytest.mark.parametrize(("name", "recipe"), each(FORMATS))
def test_mapped_block_units_agree_with_the_reference(name, recipe, tmp_path):
    assert simulate_unit(*unit_of(name, tmp_path, recipe=recipe)) == 144


@pytest.mark.parametrize(("name", "recipe"), each(UNSHARED))
def test_mapped_units_agree_with_the_reference(name, recipe, tmp_path):
    assert simulate_unit(*unit_of(name, tmp_path, dot=2, recipe=recipe)) == 144


def test_mapped_units_multiply_wide_mantissas_by_pairs(tmp_path):
    form, config, synthesis, library = unit_of("hbfp8/4", tmp_path, size=2)
    assert any(name.startswith("paired_dot_product") for name in synthesis.parts)
    assert simulate_unit(form, config, synthesis, library) == 144


@pytest.mark.parametrize(("name", "dot", "tree_cycles", "cycles", "recipe"), each(PIPELINES))
def test_mapped_pipelines_agree_with_the_reference(name, dot, tree_cycles, cycles, recipe, tmp_path):
    assert simulate_unit(*unit_of(name, tmp_path, dot, 2, cycles, tree_cycles, recipe)) == 144


@pytest.mark.parametrize(("old", "new"), [("NAND2", "NOR2"), ("XNOR2", "XOR2"), ("FA", "HA")])
def test_one_wrong_gate_is_caught(old, new, tmp_path):
    unit = unit_of("hbfp4/8", tmp_path)
    changed = []

    def change(path, kind):
        if kind == old and not changed:
            changed.append(path)
            return new
        return None

    with pytest.raises((Mismatch, KeyError)):
        simulate_unit(*unit, change=change)
    assert changed


def test_results_are_deterministic_and_cached(tmp_path):
    library = find_library("reference", tmp_path)
    product = DotProduct(4, 4)
    first = synthesise(emit_verilog(product), product.module_name, [], library, build=tmp_path / "a")
    second = synthesise(emit_verilog(product), product.module_name, [], library, build=tmp_path / "b")
    assert first.parts[first.top].areas == second.parts[second.top].areas
    entries = list((tmp_path / "a" / "cache").iterdir())
    synthesise(emit_verilog(product), product.module_name, [], library, build=tmp_path / "a")
    assert list((tmp_path / "a" / "cache").iterdir()) == entries


def test_a_target_chooses_among_the_same_netlists(tmp_path):
    library = find_library("reference", tmp_path)
    product = DotProduct(4, 8)

    def mapped(target):
        return synthesise(emit_verilog(product), product.module_name, [], library, effort="speed", target=target,
                          build=tmp_path).parts[product.module_name]  # fmt: skip

    small, fast, densest = mapped(1000.0), mapped(1e-3), mapped(None)
    assert len(list((tmp_path / "cache").iterdir())) == 1
    assert small.area < fast.area
    assert small.delays[small.variant] > fast.delays[fast.variant] == min(fast.delays.values())
    assert any(name.endswith("_open") for name in small.areas)
    scores = {name: small.areas[name] * small.delays[name] for name in small.areas}
    assert scores[densest.variant] == min(scores.values())


def test_opened_full_adders_are_gates(tmp_path):
    library = find_library("reference", tmp_path)
    product = DotProduct(4, 8)
    parts = _candidates("\n".join(modules_of(emit_verilog(product)).values()), product.module_name, [], library, "speed",
                        False, 900, tmp_path)  # fmt: skip
    assert {part.variant.endswith("_open"): "FA" in part.cells for part in parts} == {True: False, False: True}


def test_area_falls_as_dot_and_tile_grow(tmp_path):
    areas = [measure(Design("hbfp4/16", dot=dot, rows=size, columns=size), build=tmp_path, timing=False).area
             for dot, size in ((1, 1), (4, 1), (16, 1), (16, 2), (16, 4))]  # fmt: skip
    assert areas == sorted(areas, reverse=True)


def test_a_cell_without_area_fails(tmp_path):
    path = tmp_path / "free.lib"
    path.write_text(re.sub(r"cell \(XNOR2\) \{ area : [\d.]+", "cell (XNOR2) { area : 0", REFERENCE.read_text()))
    product = DotProduct(4, 4)
    with pytest.raises(LibraryError, match=r"^cell XNOR2 of library free has no area$"):
        synthesise(emit_verilog(product), product.module_name, [], find_library(str(path), tmp_path), build=tmp_path)
    assert not list(tmp_path.glob("cache/*/parts.json"))


def test_a_sweep_reports_the_rows_that_worked(tmp_path):
    designs = [Design("int4", dot=2, rows=1, columns=1), Design("mxint8", dot=16)]
    rows, failures = sweep(designs, measure, build=tmp_path, quiet=True)
    assert [row.design.format for row in rows] == ["int4"]
    assert failures[0][1] == "ValueError: dot must be the block size 32, not 16"


def test_a_design_that_does_not_map_is_reported_and_not_kept(tmp_path):
    text = re.sub(r"cell \((?!INV|DFF)\w+\) \{ area", "cell (DFF) { area", REFERENCE.read_text())
    poor = tmp_path / "poor.lib"
    poor.write_text(text)
    rows, failures = sweep([Design("int4", str(poor), dot=2, rows=1, columns=1), Design("int4", dot=2, rows=1, columns=1)],
                           measure, build=tmp_path, quiet=True)  # fmt: skip
    assert [row.design.library for row in rows] == ["reference"]
    assert re.match(r"ToolError: .*; log: ", failures[0][1])
    assert not [path for path in tmp_path.glob("cache/*/parts.json") if "-poor-" in str(path)]


def test_an_interrupted_sweep_goes_on_and_a_repeated_one_measures_nothing(tmp_path, monkeypatch):
    designs = [Design("int4", dot=dot, rows=1, columns=1) for dot in (1, 2)]
    sweep(designs[:1], measure, build=tmp_path, quiet=True)
    ran = []
    monkeypatch.setattr("synth.mapping.flow.yosys", lambda *arguments: ran.append(arguments) or yosys(*arguments))
    rows, _ = sweep(designs, measure, build=tmp_path, quiet=True)
    assert ran
    assert all("_d1_" not in arguments[0] for arguments in ran)
    ran.clear()
    assert sweep(designs, measure, build=tmp_path, quiet=True)[0] == rows
    assert not ran


def test_another_yosys_measures_again(tmp_path, monkeypatch):
    """What one version made does not pass for what another would make: neither a row nor a netlist."""
    ran = []
    monkeypatch.setattr("synth.mapping.flow.yosys", lambda *arguments: ran.append(arguments) or yosys(*arguments))

    def measured(version):
        ran.clear()
        for module in ("density.accounting", "density.measure", "mapping.flow"):
            monkeypatch.setattr(f"synth.{module}.yosys_version", lambda: version)
        row = measure(Design("int4", dot=1, rows=1, columns=1), build=tmp_path)
        return row.tools["yosys"], bool(ran)

    assert measured("pyosys: Yosys 1.0") == ("pyosys: Yosys 1.0", True)
    assert measured("pyosys: Yosys 1.0") == ("pyosys: Yosys 1.0", False)
    assert measured("pyosys: Yosys 1.1") == ("pyosys: Yosys 1.1", True)


def test_a_dask_scheduler_measures_the_same(tmp_path):
    distributed = pytest.importorskip("distributed")
    designs = [Design("int4", dot=dot, rows=1, columns=1) for dot in (1, 2)]
    with distributed.LocalCluster(
        n_workers=1, threads_per_worker=1, processes=False, dashboard_address=None
    ) as cluster:
        rows, failures = sweep(designs, measure, dask=cluster.scheduler_address, build=tmp_path, quiet=True)
    assert not failures
    assert rows == sweep(designs, measure, build=tmp_path, quiet=True)[0]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["density", "--formats", "fp99"], "format must be one of hbfp4, "),
        (["density", "--library", "nonsense"], "library must be a file or one of reference, "),
        (["fpga", "--formats", "fp99"], "format must be one of hbfp4, "),
        (["report", "--from", "missing.json"], "missing.json cannot be read: No such file or directory"),
    ],
)
def test_bad_arguments_exit_with_2(arguments, message):
    result = subprocess.run([sys.executable, "-m", "synth", *arguments], capture_output=True, text=True)
    assert result.returncode == 2
    assert result.stderr.startswith(f"python -m synth: {message}")
    assert result.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("--dot", "0", "dot must be at least 1, not 0"),
        ("--dot", "four", "dot must be an integer, not four"),
        ("--tile", "0x4", "tile must be ROWSxCOLUMNS, such as 4x4, not 0x4"),
        ("--mesh", "2", "mesh must be ROWSxCOLUMNS, such as 4x4, not 2"),
        ("--mesh", "1x2", "mesh must have as many rows as columns, not 1x2"),
        ("--target", "inf", "target must be a positive number of ns, not inf"),
        ("--accumulator-cycles", "0", "accumulator_cycles must be at least 1, not 0"),
        ("--tree-cycles", "-1", "tree_cycles must be at least 0, not -1"),
        ("--jobs", "0", "jobs must be at least 1, not 0"),
        ("--timeout", "0", "timeout must be a positive number of seconds, not 0"),
        ("--timeout", "nan", "timeout must be a positive number of seconds, not nan"),
        ("--library", "flopless.lib", "library flopless.lib has no flip-flop"),
        ("--library", "empty.lib", "library empty.lib does not parse: it has no cells"),
    ],
)
def test_bad_values_exit_with_2_and_write_nothing(option, value, message, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "flopless.lib").write_text(
        "library (x) {\n cell (A) { area : 1; pin (Y) { direction : output; } }\n}\n"
    )
    (tmp_path / "empty.lib").touch()
    arguments = ["density", "--formats", "int4", "--build", "built", "--json", "results.json", option, value]
    assert main(arguments) == 2
    assert capsys.readouterr() == ("", f"python -m synth: {message}\n")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["empty.lib", "flopless.lib"]
