"""The means to find what no test would see: a sample of mutants that must die, and that survivors are told."""

import shutil
import subprocess
import sys

from hw.config import CoreConfig
from hw.core.counters import Counters
from hw.emit import emit_verilog
from hw.quantize.block_quantizer import conversion_health
from tests.mutants import recorded, source
from tests.mutants.components import COMPONENTS, PARTS
from tests.mutants.nearest import MODULES, nearest, whole
from tests.mutants.netlist import mutated_netlist
from tests.mutants.results import Results
from tests.mutants.score import NETLISTS, score, table
from tests.mutants.source import ROOT, mutants

TRIALS = """
import sys, time
from functools import partial
from tests.mutants.source import mutants
from tests.mutants.trial import change, prepare, trial
prepare()
alive, hangs = sys.argv[1:]
(mutant,) = [m for m in mutants("golden/mixed.py") if m.change()[1].startswith("return +(")]
print(*(trial(partial(change, mutant), [test], 30)[0] for test in ("tests/golden/test_mixed.py", alive)))
print(trial(lambda: None, [hangs], 3)[0])
"""
GATES = """
from functools import partial
from pathlib import Path
from tests.mutants.netlist import NOTED, activate
from tests.mutants.trial import prepare, trial
prepare()
tests = ["tests/board/test_clock.py"]
print(*(trial(partial(activate, "hw/board/clock.py", 8, number), tests, 60)[0] for number in (0, 1)), end=" ")
from tests.mutants.equivalence import is_equivalent
print(*(is_equivalent(Path(NOTED.read_text()), number) for number in (1, 8)))
"""


def test_a_sample_of_a_hundred_is_killed():
    """Of golden, by the test of each module's own name; who changes a line meets the line's own mutants."""
    command = [sys.executable, "-m", "tests.mutants", "--sample", "100"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout == "100 of 100 mutants killed\n"


def test_outcomes_of_trials(tmp_path):
    """A mutant that its test kills lives through a test that looks at nothing; a test that hangs is stopped."""
    (tmp_path / "test_alive.py").write_text("import golden\n\ndef test(): assert golden.slice_count\n")
    (tmp_path / "test_hangs.py").write_text("import time\n\ndef test(): time.sleep(100)\n")
    command = [sys.executable, "-c", TRIALS, *(str(tmp_path / f"test_{name}.py") for name in ("alive", "hangs"))]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.stdout == "killed survived\ntimeout\n", done.stderr


def test_every_mutant_is_one_changed_line():
    for mutant in mutants("golden/mixed.py"):
        before, after = mutant.change()
        assert before != after
        assert before in (ROOT / mutant.module).read_text()
        assert mutant.compiles()
    assert not any("dtype" in m.change()[0] and "|" in m.change()[1] for m in mutants("golden/mixed.py"))


def test_names_of_mutants_stay_when_other_lines_change(monkeypatch, tmp_path):
    names = {mutant.key for mutant in mutants("golden/dot.py")}
    shutil.copytree(ROOT / "golden", tmp_path / "golden")
    text = (tmp_path / "golden" / "dot.py").read_text()
    (tmp_path / "golden" / "dot.py").write_text(text.replace("\n__all__", "\nOTHER = 1 + 2\n\n__all__", 1))
    monkeypatch.setattr(source, "ROOT", tmp_path)
    moved = {mutant.key for mutant in mutants("golden/dot.py")}
    assert names < moved


def test_what_was_counted_belongs_to_every_file_that_decides_it(monkeypatch, tmp_path):
    for part in recorded.READ:
        copy = shutil.copytree if (ROOT / part).is_dir() else shutil.copy
        (tmp_path / part).parent.mkdir(parents=True, exist_ok=True)
        copy(ROOT / part, tmp_path / part)
    monkeypatch.setattr(recorded, "ROOT", tmp_path)
    names = [recorded._file().name]
    for file in ("sim/rtl/core.cpp", "sim/rtl/core.py", "hw/core/core.py", "tests/sim/machines.py"):
        with (tmp_path / file).open("a") as text:
            text.write("\n")
        names.append(recorded._file().name)
    assert len(set(names)) == len(names)
    (tmp_path / "hw" / "__pycache__").mkdir(exist_ok=True)
    (tmp_path / "hw" / "__pycache__" / "core.pyc").write_bytes(b"compiled")
    assert recorded._file().name == names[-1]


def test_every_module_has_tests_nearby():
    for module in MODULES:
        assert set(nearest(module)) <= set(whole(module))
        assert all((ROOT / test).exists() for test in whole(module)), module


def test_outcomes_hold_while_nothing_changes(tmp_path):
    mutant, other = mutants("golden/dot.py")[:2]
    tests = nearest("golden/dot.py")
    Results(tmp_path / "results").add(mutant, "nearest", tests, "survived", 0.1)
    results = Results(tmp_path / "results")
    assert results.find(mutant, "nearest", tests)["outcome"] == "survived"
    assert results.find(mutant, "whole", tests) is None
    assert results.find(other, "nearest", tests) is None
    assert results.find(mutant, "nearest", [*tests, "tests/golden/test_pack.py"]) is None


def test_score_counts_what_could_be_killed():
    record = {"module": "golden/finish.py", "before": "x", "outcome": "killed", "after": "y"}
    alive = record | {"outcome": "survived", "after": "result[np.signbit(result) * ~np.isnan(result)] = 0"}
    rows = score([record, record | {"outcome": "timeout"}, alive, alive | {"after": "z"}], {"golden/finish.py": 9})
    assert table(rows).splitlines()[2] == "| golden/finish.py | 9 | 4 | 2 | 1 | 1 | 66.7 % |"
    assert [bool(s["reason"] != "none yet") for s in rows[0]["survivors"]] == [True, False]


def test_a_judgement_holds_for_one_mutant_of_one_netlist():
    judged = NETLISTS[0]
    alive = {"module": judged["component"], "outcome": "survived", "before": f"{judged['netlist']} 5", "after": judged["mutant"]}
    others = [alive | {"before": "netlist-0 5"}, alive | {"after": f"{judged['mutant']} 1"}]
    (row,) = score([alive, *others], {judged["component"]: 10})
    assert [survivor["reason"] for survivor in row["survivors"]] == [judged["reason"], "none yet", "none yet"]
    assert {entry["component"] for entry in NETLISTS} <= set(COMPONENTS)
    assert all(entry["reason"] for entry in NETLISTS)


def test_a_netlist_holds_its_mutants_behind_one_register():
    config = CoreConfig(block_size=12, tile_rows=1, tile_columns=3, lanes=3)
    component = Counters(config, conversion_health(3), 5)
    text = mutated_netlist(emit_verilog(component), component.module_name, 6)
    assert text.count("mutant = chosen[0]") == 1
    assert "input [2:0] mutant" not in text


def test_first_words_of_memories_are_not_changed():
    """Yosys refuses a netlist where the mask of a memory's first word depends on the mutant."""
    memory = """module lookup(input clk, input [1:0] address, output reg [3:0] word);
      reg [3:0] words [0:3];
      initial begin words[0] = 5; words[1] = 9; words[2] = 12; words[3] = 3; end
      always @(posedge clk) word <= words[address];
    endmodule
    """
    assert "words" in mutated_netlist(memory, "lookup", 40)


def test_gates_are_the_component_and_their_mutants_are_not():
    """Where Amaranth simulates: without a mutant the reset is as its own test says; ABC knows which mutants mean the same."""
    done = subprocess.run([sys.executable, "-c", GATES], cwd=ROOT, capture_output=True, text=True)
    assert done.stdout == "survived killed False True\n", done.stderr


def test_every_component_has_tests():
    for name, near in COMPONENTS.items():
        assert (ROOT / name.split(":")[0]).exists()
        assert all((ROOT / test.split("::")[0]).exists() for test in near.tests)
        assert not near.simulated or f"class {near.simulated}(" in (ROOT / name.split(":")[0]).read_text()


def test_every_component_is_there():
    """All modules of hardware that have a component of their own, but for those that are parts of another one's netlist."""
    folders = ("quantize", "dot", "array", "accumulate", "core", "bus", "serial", "board", "baseline")
    found = {str(path.relative_to(ROOT)) for folder in folders for path in (ROOT / "hw" / folder).glob("*.py")
             if "(Component)" in path.read_text()}  # fmt: skip
    assert found - {name.split(":")[0] for name in COMPONENTS} == set(PARTS)
