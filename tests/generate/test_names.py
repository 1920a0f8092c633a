"""Equal module names mean equal text, whatever the machines."""

import re
import subprocess

import pytest
from hypothesis import given, settings

from hw.array.tile import Tile
from hw.baseline.elements import element_for
from hw.baseline.formats import FORMATS, format_named
from hw.bus.axi_core import AxiCore
from hw.config import FEATURES, CoreConfig
from hw.core.core import Core
from hw.emit import emit, emit_verilog
from hw.host.tools import yosys
from hw.names import check_identifier, digest, named
from hw.serial.serial_core import SerialCore
from sim.rtl import verilator
from synth.density.designs import config_for
from tests.generate.machines import pairs

FEW = settings(max_examples=2, deadline=None, derandomize=True, database=None)
MANY = settings(max_examples=200, deadline=None, derandomize=True, database=None)


def modules(component, compare: bool = False) -> dict[str, str]:
    """Text by name of every module; to ``compare``, components of one name are all elaborated and must be equal."""
    emitter = emit(component, compare=compare)
    return emitter.modules | emitter.verilog


def agree(*emissions: dict[str, str]) -> dict[str, str]:
    """The union of emissions in which a name has one text."""
    union: dict[str, str] = {}
    for emission in emissions:
        different = [name for name, text in emission.items() if union.setdefault(name, text) != text]
        assert not different, f"one name, different modules: {', '.join(different)}"
    return union


def test_parameters_become_a_name():
    assert named("dot_product", m=4, d=64, c=0, a=None, body="dsp") == "dot_product_m4_d64_dsp"
    assert named("loader", "hbfp4_n64", l=16, results=True) == "loader_l16_results_hbfp4_n64"
    assert named("rounder", m=(4, 6), modes=("nearest", "truncate"), paired=False) == "rounder_m4_6_nearest_truncate"


def test_a_digest_does_not_depend_on_order():
    assert digest({"a": 1, "b": [2]}) == digest({"b": [2], "a": 1}) == "ae8a9a50"
    assert digest({"a": 1, "b": [3]}) != digest({"a": 1, "b": [2]})


@pytest.mark.parametrize(("value", "shown"), [("", "nothing"), ("2a", "2a"), ("a b", "a b"), ("a-", "a-"), ("é", "é")])
def test_refuses_what_verilog_does_not_take(value, shown):
    message = f"prefix must be letters, digits and underscores, no digit in front, not {shown}"
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        check_identifier("prefix", value)


def test_accepts_what_verilog_takes():
    check_identifier("prefix", "_Acme2_")


@MANY
@given(pairs())
def test_machines_have_one_name_each(pair):
    one, other = pair
    assert (one.name == other.name) == (one == other)


def test_a_usual_machine_is_spelt_out():
    assert CoreConfig().name == "hbfp4_n64_d64_t4x4_m1x1_l1_fp32"
    assert re.fullmatch(r"hbfp4_6_n64_d16_t4x4_m1x1_l1_bf16_[0-9a-f]{8}", CoreConfig(
        (4, 6), dot=16, accumulator="bf16", queue_depth=5
    ).name)  # fmt: skip


@FEW
@given(pairs())
def test_one_name_one_text_in_cores_on_a_bus(pair):
    """Everything of two machines, from the bus inwards."""
    one, other = pair
    agree(modules(AxiCore(one, 32)), modules(AxiCore(other, 64, 1_000_000)))


def test_one_name_one_text_within_a_core():
    """Each of its components is elaborated, those that are there already as well."""
    config = CoreConfig((4, 6), block_size=4, tile_rows=2, tile_columns=2, operand_depth=4, panel_columns=8,
                        features=FEATURES)  # fmt: skip
    assert len(modules(Core(config), compare=True)) > 20


CHANGES = {
    "mantissa_widths": ((4,), (6,), (8,), (4, 6), (4, 7), (6, 8)), "block_size": (4, 8), "exponent_width": (8, 6),
    "rounding_modes": (("nearest",), ("truncate",)), "dot": (4, 2), "tile_rows": (2, 1), "tile_columns": (2, 1),
    "mesh_rows": (1, 2), "interleave": (3, 4), "accumulator": ("fp32", "bf16", "aligned"), "accumulator_cycles": (1, 2),
    "tree_cycles": (0, 1), "datapath": ("structural", "carry_chain", "dsp", "behavioral"), "lanes": (2, 4),
    "load_lines": (1,), "operand_depth": (4, 5), "queue_depth": (1, 2), "result_panels": (2, 3), "result_streams": (1,),
    "features": ((), ("bias",)), "clock_gating": (False, True),
}  # fmt: skip


def test_one_name_one_text_in_tiles():
    """Tiles and units are named by what they are made of, for many machines have the same: any one parameter changed."""
    usual = {name: values[0] for name, values in CHANGES.items()}
    bases = [usual | {"mantissa_widths": widths} for widths in ((4,), (6,))]
    changed = [base | {name: value} for base in bases for name, values in CHANGES.items() for value in values]
    tiles = {CoreConfig(**values): None for values in changed}
    emissions = [modules(Tile(config)) for config in tiles]
    assert len(agree(*emissions)) > len(tiles)


def test_one_name_one_text_in_every_format():
    """Units of all formats side by side, one of each kind in several shapes."""
    emissions = []
    for name in (*FORMATS, "mxfp4/16"):
        form = format_named(name)
        shapes = ((2, 1, 0), (2, 1, 1), (4, 2, 0)) if name in ("mxfp4", "fp8-e4m3", "int4", "nvfp4") else ((2, 1, 0),)
        for dot, cycles, tree in shapes:
            whole = form.block_size if form.kind in ("paired", "integer") and form.block_size else dot
            emissions.append(modules(element_for(form)(config_for(form, whole, 1, 2, cycles, tree))))
    assert len(agree(*emissions)) > 60


def test_one_name_one_text_on_serial_lines():
    one, other = CoreConfig(block_size=4, tile_rows=1, tile_columns=1, operand_depth=4), CoreConfig(
        block_size=4, tile_rows=1, tile_columns=1, operand_depth=4, features=("bias",)
    )  # fmt: skip
    lines = (SerialCore(one, 8), SerialCore(one, 9), SerialCore(one, 8, 1000), SerialCore(other, 8))
    assert len({line.module_name for line in lines}) == len(lines)
    agree(*map(modules, lines))


def test_two_cores_are_read_together(tmp_path):
    """By Yosys and by Verilator, which take the first of the modules that both files have."""
    small = {"block_size": 4, "tile_rows": 1, "tile_columns": 2, "operand_depth": 4, "queue_depth": 1}
    cores = [Core(CoreConfig(**small | {"exponent_width": width})) for width in (8, 6)]
    texts = [emit_verilog(core) for core in cores]
    names = [set(re.findall(r"^module (\S+?) ?\(", text, re.MULTILINE)) for text in texts]
    assert len(names[0] & names[1]) > 5
    assert len(names[0] ^ names[1]) > 20
    files = ["core_0.v", "core_1.v", "both.v"]
    top = "".join(f"  {core.module_name} core_{i} (.clk(clk), .rst(rst));\n" for i, core in enumerate(cores))
    both = f"/* verilator lint_off PINMISSING */\nmodule both(input clk, input rst);\n{top}endmodule\n"
    for file, text in zip(files, [*texts, both], strict=True):
        (tmp_path / file).write_text(text)
    yosys(f"read_verilog -nooverwrite {' '.join(files)}\nhierarchy -check -top both\nproc\ncheck -assert\n", tmp_path)
    verilator.activate()
    command = ["verilator", "--lint-only", "--top-module", "both", *files]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert not done.returncode, done.stderr[-3000:]
