"""The solvers, and how they are asked: the one place that knows them.

A question is a component with an output ``bad``. Combinational ones go to Bitwuzla as a formula, with constants put in for
some inputs if wished; those with registers go to ABC as an and-inverter graph, to be proved by an inductive invariant that
its property-directed reachability finds, or to be searched up to a number of cycles.
"""

import re
import signal
import subprocess
import sys
from collections.abc import Callable
from importlib.util import find_spec
from math import ceil
from pathlib import Path

from hw.emit import emit_verilog
from hw.host.tools import yosys

__all__ = ["Refuted", "Unfinished", "abc", "ask", "circuit", "formula", "invariant", "search"]

BITWUZLA = """
import sys, bitwuzla
options = bitwuzla.Options()
parser = bitwuzla.Parser(bitwuzla.TermManager(), options)
parser.parse(sys.argv[1], False, True)
"""
FUNCTIONS = (
    (r"\(declare-fun (\|[^|]*\|) \(\|[^|]*_s\|\) ", r"(declare-const \1 "),
    (r"\(\(state \|[^|]*_s\|\)\)", "()"),
    (r"\((\|[^|]*\|) state\)", r"\1"),
)
"""From functions of a state, as Yosys writes them, to constants: a combinational module has but one state."""

Change = Callable[[str], str]


class Refuted(AssertionError):
    """The property does not hold."""


class Unfinished(RuntimeError):
    """The solver was stopped at its time limit."""


def unchanged(text: str) -> str:
    """The design as it is."""
    return text


def _run(command: list[str], folder: Path, seconds: float) -> str:
    """Output of a solver that gets so many seconds of processor time, whole ones."""
    limited = ["sh", "-c", 'ulimit -t "$0"; exec "$@"', str(ceil(seconds)), *command]
    done = subprocess.run(limited, cwd=folder, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False)
    if done.returncode in (-signal.SIGXCPU, -signal.SIGKILL):
        raise Unfinished(f"not finished in {ceil(seconds)} s")
    if done.returncode:
        raise RuntimeError(f"{command[0]} failed: {(done.stderr or done.stdout).strip()[-500:]}")
    return done.stdout


def prepare(component, folder: Path, change: Change, *steps: str) -> None:
    """Emit ``component``, changed by ``change``, flatten it and run Yosys's ``steps``."""
    (folder / "design.v").write_text(change(emit_verilog(component)))
    top = component.module_name
    yosys("\n".join(["read_verilog design.v", f"hierarchy -check -top {top}", "proc", *steps, ""]), folder)


def formula(component, folder: Path, change: Change = unchanged) -> str:
    """A combinational component in SMT-LIB: a constant ``|port|`` for each port."""
    prepare(component, folder, change, "flatten", "opt -full", "clean -purge", "write_smt2 design.smt2")
    text = (folder / "design.smt2").read_text()
    for pattern, replacement in FUNCTIONS:
        text = re.sub(pattern, replacement, text)
    lines = [line for line in text.splitlines() if re.match(r"\((declare-const|define-fun) ", line) and "_s|" not in line]
    ports = re.findall(r"^\(define-fun \|(\S+)_n (\S+)\| \(\) (Bool|\(_ BitVec \d+\)) ", text, re.MULTILINE)
    return "\n".join([*lines, *(f"(define-fun |{name}| () {sort} |{top}_n {name}|)" for top, name, sort in ports)])


def ask(text: str, folder: Path, seconds: float, constants: dict[str, int] | None = None) -> None:
    """Whether ``bad`` can be in a ``formula``, with ``constants`` in the place of inputs."""
    for name, value in (constants or {}).items():
        text = _with_constant(text, name, value)
    (folder / "question.smt2").write_text(f"(set-logic QF_BV)\n{text}\n(assert |bad|)\n(check-sat)\n")
    answer = _run([sys.executable, "-c", BITWUZLA, "question.smt2"], folder, seconds).split()
    if answer == ["sat"]:
        raise Refuted("an input was found for which it does not hold")
    if answer != ["unsat"]:
        raise RuntimeError(f"Bitwuzla answers {' '.join(answer) or 'nothing'}")


def _with_constant(text: str, name: str, value: int) -> str:
    """A formula in which the input ``name`` is a number; Yosys may have cut it into parts."""
    pattern = rf"^\(declare-const (\|[^|]*\|) (\(_ BitVec (\d+)\)|Bool)\) ; \\{name}(?: \[(?:\d+:)?(\d+)\])?$"

    def define(found: re.Match) -> str:
        constant, sort, width, low = found.groups()
        bits = value >> int(low or 0)
        number = ("true" if bits & 1 else "false") if sort == "Bool" else f"(_ bv{bits % 2 ** int(width)} {width})"
        return f"(define-fun {constant} () {sort} {number})"

    text, count = re.subn(pattern, define, text, flags=re.MULTILINE)
    if not count:
        raise ValueError(f"the formula has no input {name}")
    return text


def circuit(component, folder: Path, change: Change = unchanged, steps: tuple[str, ...] = ()) -> None:
    """A component with registers as ``design.aig``: they start at anything, but for those of the bench itself.

    So the bench must reset the design, and what reset does not reach is proved for every content.
    """
    prepare(
        component, folder, change,
        "flatten", "memory -nomap", "delete t:$meminit*", "opt -full", "memory_map", "setattr -unset init w:* w:started %d",
        *steps, "opt -full", "techmap", "opt -full", "dffunmap", "aigmap", "opt_clean -purge",
        "write_aiger -zinit -map design.map design.aig",
    )  # fmt: skip


def abc(script: str, folder: Path, seconds: float) -> str:
    """What ABC, which comes with pyosys, says to a script."""
    specification = find_spec("pyosys")
    if specification is None or specification.origin is None:
        raise RuntimeError("ABC was not found; run: pip install pyosys")
    program = Path(specification.origin).parent / "yosys-abc"
    return _run([str(program), "-q", script], folder, seconds)


def invariant(folder: Path, seconds: float) -> None:
    """Prove the ``circuit`` for all time: an invariant that holds at the start, is kept by every step and excludes ``bad``.

    Registers that are always equal are found first, by induction as well; where nothing else is left, that was the proof.
    """
    abc("read_aiger design.aig; strash; dc2; scorr; dc2; write_aiger -s small.aig", folder, seconds)
    header, *lines = (folder / "small.aig").read_bytes().split(b"\n", 3)
    if header.split()[2:6] == [header.split()[2], b"0", b"1", b"0"] and lines[0] == b"0":
        return
    said = abc("read_aiger small.aig; pdr -T 0", folder, seconds)
    if "was asserted" in said:
        raise Refuted(_asserted(said))
    if "Property proved" not in said:
        raise RuntimeError(f"ABC answers {said.strip()[-300:]}")


def search(folder: Path, cycles: int, seconds: float) -> None:
    """Show that the ``circuit`` has no ``bad`` in its first ``cycles`` cycles after reset."""
    said = abc(f"read_aiger design.aig; strash; dc2; scorr -F 1; bmc3 -F {cycles + 1}", folder, seconds)
    if "was asserted" in said:
        raise Refuted(_asserted(said))
    if "No output" not in said and "Property proved" not in said and "networks are equivalent" not in said.lower():
        raise RuntimeError(f"ABC answers {said.strip()[-300:]}")


def _asserted(said: str) -> str:
    found = re.search(r"asserted in frame (\d+)", said)
    return f"fails after {found[1] if found else 'some'} cycles"
