"""Mutants of a component's netlist, made by Yosys."""

import importlib
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path

from tests.mutants.components import COMPONENTS, Nearest
from tests.mutants.score import score, table
from tests.mutants.source import ROOT, digest
from tests.mutants.trial import trial

__all__ = ["LISTED", "READ", "activate", "mutated_netlist", "netlist_mutants"]

FOLDER = ROOT / "build" / "mutants"
CONTROL = "mutant"
"""Name of the register that chooses a mutant; 0 is none."""
SECONDS = 600.0
"""Of tests without a mutant, which build what they run. With one they get five times what they take then, and five seconds."""
NOTED, CHOSEN, RESULTS = FOLDER / "noted.txt", FOLDER / "chosen.hex", FOLDER / "netlists.json"
"""Which folder has the mutants of the netlist that a trial met; the number of the one to run; outcomes."""
LISTED, READ = "mutants.txt", "read.ys"
ALIAS_INIT = r"^ *\(\* init = .* \*\)$"
"""Initial values of another name for a register, which has its own: where bits are constant, Yosys takes the two to conflict."""
PLAIN = "proc\nopt -full\nwreduce\nopt -full\nopt_clean -purge\n"
"""Steps after which little is left that nothing depends on."""


def _driven(text: str, top: str, width: int) -> str:
    """The top with the control as a register of its own instead of a port."""
    head, rest = text.split(f"module {top}(", 1)
    rest, end, tail = rest.partition("endmodule")
    ports, body = rest.split(");", 1)
    ports = ", ".join(port for port in map(str.strip, ports.split(",")) if port != CONTROL)
    body = re.sub(rf"^\s*(?:input|wire) \[{width - 1}:0\] {CONTROL};\n", "", body, flags=re.MULTILINE)
    chosen = (
        f"  reg [{width - 1}:0] chosen [0:0];\n  reg [{width - 1}:0] {CONTROL};\n"
        f'  initial begin $readmemh("{CHOSEN}", chosen); {CONTROL} = chosen[0]; end\n'
    )
    return f"{head}module {top}({ports});\n{chosen}{body}{end}{tail}"


def listed(text: str, top: str, count: int, steps: str = PLAIN, options: str = "", modules: str = "*") -> Path:
    """Folder with a netlist, how it is read, and a list of ``count`` mutants evenly over some of its modules."""
    from hw.host.tools import yosys

    folder = FOLDER / f"netlist-{digest(text, count, steps, options, modules)}"
    if not (folder / LISTED).exists():
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "plain.v").write_text(re.sub(ALIAS_INIT, "", text, flags=re.MULTILINE))
        (folder / READ).write_text(f"read_verilog -nosynthesis plain.v\nhierarchy -top {top}\n{steps}")  # as simulators do
        chosen = f"{modules} t:$meminit* t:$memrd* %u %d"  # what must be constant at these cells cannot depend on the mutant
        yosys(f"{(folder / READ).read_text()}mutate -list {count} -seed 1 {options} -o {LISTED} {chosen}\n", folder)
        if not (folder / LISTED).read_text():
            raise RuntimeError(f"no module of {top} is called {modules}")
    NOTED.write_text(str(folder))
    return folder


def mutated_netlist(text: str, top: str, count: int, modules: str = "*") -> str:
    """Verilog with ``count`` mutants; the number in the file ``CHOSEN`` says which of them runs."""
    from hw.host.tools import yosys

    width = count.bit_length()
    folder = listed(text, top, count, options=f"-ctrl {CONTROL} {width} 1", modules=modules)
    result = folder / "mutated.v"
    if not result.exists():
        steps = f"{(folder / READ).read_text()}{(folder / LISTED).read_text()}\n"
        yosys(f"{steps}write_verilog -noattr mutated.v\n", folder)
        result.write_text(_driven(result.read_text(), top, width))
    return result.read_text()


def _compiled(nearest: Nearest, count: int, number: int) -> None:
    """Every Verilog that is emitted from now on has ``count`` mutants, of which one is chosen."""
    import hw.emit

    emit = hw.emit.emit_verilog

    def emit_mutated(component, *options):
        return mutated_netlist(emit(component, *options), component.module_name, count, nearest.modules)

    FOLDER.mkdir(parents=True, exist_ok=True)
    CHOSEN.write_text(f"{number:x}\n")
    os.environ |= {"HBFP_CACHE": str(FOLDER / "cores"), "COCOTB_MAX_FAILURES": "1"}
    hw.emit.emit_verilog = emit_mutated
    from tests import bench

    bench.BUILD = Path(FOLDER / "benches")


def _simulated(module: str, nearest: Nearest, count: int, number: int) -> None:
    """The class that Amaranth simulates has from now on the gates of its netlist, of whose mutants one is made."""
    from amaranth.back import verilog

    from hw.host.tools import yosys
    from tests.mutants.gates import GATES, rebuilt

    kind = getattr(importlib.import_module(module.removesuffix(".py").replace("/", ".")), nearest.simulated)
    elaborate = kind.elaborate

    @cache
    def gates(text: str) -> dict:
        folder = listed(text, "part", count, f"{PLAIN}flatten\nopt -full\nopt_clean -purge\n")
        change = f"{(folder / LISTED).read_text().splitlines()[number - 1]}\n" if number else ""
        yosys(f"{(folder / READ).read_text()}{change}{GATES}write_json gates.json\n", folder)
        return json.loads((folder / "gates.json").read_text())["modules"]["part"]

    def elaborate_mutated(self, platform):
        kind.elaborate = elaborate
        text = verilog.convert(self, name="part", emit_src=False)
        kind.elaborate = elaborate_mutated
        return rebuilt(self, gates(text))

    kind.elaborate = elaborate_mutated


def activate(name: str, count: int, number: int) -> None:
    """From now on in this process the tests of a component meet one of its ``count`` mutants, or none for number 0."""
    nearest = COMPONENTS[name]
    if nearest.simulated:
        _simulated(name.split(":")[0], nearest, count, number)
    else:
        _compiled(nearest, count, number)


def _spoken(command: str) -> str:
    """What a command of Yosys does: its mode, and the cell's port and bit with the wire at it."""
    return " ".join(re.findall(r"-(?:mode|module|cell|port|portbit|wire|wirebit) (\S+)", command))


def _is_equivalent(folder: Path, number: int) -> bool:
    """Whether ABC proves that a mutant means the same; in a process of its own, since this one must not import ours."""
    command = [sys.executable, "-m", "tests.mutants.equivalence", str(folder), str(number)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout == "equivalent\n"


def _tried(name: str, count: int, known: list[dict], deadline: float, keep: Callable[[], None]) -> None:
    """Try a component's mutants from the first that is not known on; its tests must pass without any."""
    tests = list(COMPONENTS[name].tests)
    for _ in range(2):  # the first builds, the second takes as long as those that follow
        outcome, seconds = trial(partial(activate, name, count, 0), tests, SECONDS)
        if outcome != "survived":
            raise RuntimeError(f"{' '.join(tests)} fails on the netlist without a mutant")
    folder = Path(NOTED.read_text())
    for number, command in list(enumerate((folder / LISTED).read_text().splitlines(), 1))[len(known) :]:
        if time.monotonic() > deadline:
            break
        outcome, _ = trial(partial(activate, name, count, number), tests, 5 * seconds + 5)
        record = {"module": name, "outcome": outcome, "before": f"{folder.name} {number}", "after": _spoken(command)}
        if outcome == "survived" and _is_equivalent(folder, number):
            record["reason"] = "proved by ABC to compute the same from power-on, whatever comes in"
        known.append(record)
        keep()


def netlist_mutants(names: list[str], count: int, deadline: float) -> list[dict]:
    """Rows of the score of components, ``count`` mutants each; what was tried before is not tried again."""
    results = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    found = []
    for name in names:
        files = {name.split(":")[0], *(test.split("::")[0] for test in COMPONENTS[name].tests)}
        key = f"{name} {count} {digest(repr(COMPONENTS[name]), *((ROOT / file).read_text() for file in sorted(files)))}"
        known = results.setdefault(key, [])

        def keep() -> None:
            RESULTS.parent.mkdir(parents=True, exist_ok=True)
            RESULTS.write_text(json.dumps(results, indent=1))

        if len(known) < count and time.monotonic() < deadline:
            _tried(name, count, known, deadline, keep)
        print(table(score(known, {name: count})).splitlines()[2], flush=True)
        found += known
    return score(found, dict.fromkeys(names, count))
