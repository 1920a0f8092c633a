"""Transitions of random netlists and of a mapped unit, counted again by other means."""

import random
import re
import shutil
import subprocess
from collections import Counter
from itertools import pairwise

import pytest

from hw.dot.dot_product import DotProduct
from hw.emit import emit_verilog
from synth.energy.circuit import Circuit
from synth.mapping.flow import synthesise
from synth.mapping.liberty import find_library
from synth.mapping.timing import analyse
from tests.synth.energy.small import LIBRARY, netlist

INPUTS, GATES, CYCLES = 4, 24, 12


def random_netlist(rng):
    """Gates of one or two inputs, each reading nets before it."""
    cells = []
    for i in range(GATES):
        nets = [rng.randrange(2, 2 + INPUTS + i) for _ in "AB"]
        kind = rng.choice(("INV", "XOR", "SLOWXOR"))
        cells.append((kind, {"A": nets[0], "Y": 2 + INPUTS + i} | ({} if kind == "INV" else {"B": nets[1]})))
    return cells, {f"i{i}": 2 + i for i in range(INPUTS)}


def naive(circuit, words):
    """Transitions of each net, step by step.

    Transport: an output is the function of what the inputs were a delay ago. Inertial: it changes when the function has
    differed from it for all of a delay.
    """
    slowest = max(delay for *_, delay in circuit.gates)
    values, counts = [v & 1 for v in circuit.values], Counter()
    for word in words:
        history = [list(values)] * slowest
        for port, bit in word.items():
            values[circuit.ports[port][0]] = bit
        differing = [0] * len(circuit.gates)
        for now in range(slowest, slowest * (GATES + 3)):
            history.append(values)
            values = list(values)
            for i, (function, nets, output, delay) in enumerate(circuit.gates):
                then = history[now + 1 - delay if circuit.delays == "transport" else now]
                value = function(1, *[then[net] for net in nets])
                if circuit.delays == "inertial":
                    differing[i] = differing[i] + 1 if value != history[now][output] else 0
                    if differing[i] < delay:
                        continue
                    differing[i] = 0
                values[output] = value
        for net in range(2, len(values)):
            counts[net] += sum(a[net] != b[net] for a, b in pairwise([*history, values]))
    return counts


@pytest.mark.parametrize("delays", ["inertial", "transport"])
def test_counts_are_those_of_a_simulation_step_by_step(tmp_path, delays, monkeypatch):
    monkeypatch.setattr("synth.energy.circuit.STEP_NS", 0.05)  # gates of 1, 2 and 8 steps
    path = tmp_path / "small.lib"
    path.write_text(LIBRARY)
    library, rng = find_library(str(path), tmp_path), random.Random(3)
    for _ in range(12):
        cells, inputs = random_netlist(rng)
        timing = analyse(netlist(tmp_path, cells, inputs, {"o": 1 + INPUTS + GATES}), library, "top")
        circuit = Circuit(timing, library, 1, delays)
        words = [{name: rng.getrandbits(1) for name in inputs} for _ in range(CYCLES)]
        expected = naive(circuit, words)
        for word in words:
            circuit.cycle({name: [bit] for name, bit in word.items()})
        assert {net: n for net, n in enumerate(circuit.toggles) if n} == {net: n for net, n in expected.items() if n}


def verilog_of(circuit, words, period):
    """The netlist as delayed assignments, with a bench that applies words of the ports, one a period."""
    lines = ["`timescale 1ps/1ps", "module bench;"]
    driven = {output for *_, output, _ in circuit.gates}
    lines += [f"  {'wire' if net in driven else 'reg'} n{net}{'' if net in driven else ' = 0'};"
              for net in range(2, circuit.timing.flat.nets)]  # fmt: skip
    delays = {output: delay for *_, output, delay in circuit.gates}
    for flat in circuit.timing.cells:
        for pin, function in circuit.library.cells[flat.kind].functions.items():
            if pin in flat.pins:
                text = re.sub(r"[A-Za-z]\w*", lambda m, pins=flat.pins: f"n{pins[m[0]]}", function)
                text = re.sub(r"\bn([01])\b", r"1'b\1", text.replace("*", "&").replace("+", "|"))
                lines.append(f"  assign #{delays[flat.pins[pin]]} n{flat.pins[pin]} = {text};")
    lines += ['  initial begin', f'    #{period} $dumpfile("bench.vcd"); $dumpvars(0, bench); #1;']
    for word in words:
        lines += [f"    n{net} = {value >> place & 1};"
                  for port, value in word.items() for place, net in enumerate(circuit.ports[port])]  # fmt: skip
        lines.append(f"    #{period};")
    return "\n".join([*lines, "    $finish;", "  end", "endmodule", ""])


@pytest.mark.skipif(shutil.which("iverilog") is None, reason="Icarus Verilog is not installed")
def test_icarus_counts_the_same_in_a_mapped_sum_of_products(tmp_path):
    product, rng = DotProduct(4, 8), random.Random(2)
    library = find_library("reference", tmp_path)
    synthesis = synthesise(emit_verilog(product), product.module_name, [], library, build=tmp_path)
    timing = analyse(synthesis.netlists, library, product.module_name)
    circuit = Circuit(timing, library, 1, "inertial")
    # Delays of their own: which of two changes at the same time is first differs between programs.
    circuit.gates = [(*gate[:3], rng.randrange(1000, 50000)) for gate in circuit.gates]
    words = [{side: rng.getrandbits(32) for side in "ab"} for _ in range(20)]
    for word in words:
        circuit.cycle({side: [value] for side, value in word.items()})
    (tmp_path / "bench.v").write_text(verilog_of(circuit, words, 10_000_000))
    for command in (["iverilog", "-o", "bench.vvp", "bench.v"], ["vvp", "bench.vvp"]):
        subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    text = (tmp_path / "bench.vcd").read_text()
    names = {code: int(net) for code, net in re.findall(r"^\$var \w+ 1 (\S+) n(\d+) \$end$", text, re.MULTILINE)}
    changes = text.partition("$dumpvars")[2].partition("$end")[2]
    found = Counter(names[code] for code in re.findall(r"^[01](\S+)$", changes, re.MULTILINE))
    assert found == Counter({net: n for net, n in enumerate(circuit.toggles) if n})
    assert sum(found.values()) > 2000
