"""Mutants of a component's netlist, made by Yosys, all of them in one Verilog text that is built once."""

import json
import re
import time
from functools import partial
from pathlib import Path

from tests.mutants.score import score, table
from tests.mutants.source import ROOT, digest
from tests.mutants.trial import trial

__all__ = ["COMPONENTS", "activate", "mutated_netlist", "netlist_mutants"]

FOLDER = ROOT / "build" / "mutants"
CONTROL = "mutant"
"""Name of the register that chooses a mutant; 0 is none. The simulator's argument ``+mutant=N`` sets it."""
SECONDS = 300.0
NOTED = FOLDER / "listed.txt"
"""Where the bench of a netlist leaves what its mutants are."""
RESULTS = FOLDER / "netlists.json"
COMPONENTS = {
    "hw/quantize/operand_expander.py": "tests/quantize/test_operand_expander.py::test_operand_expander[4]",
    "hw/quantize/block_quantizer.py": "tests/quantize/test_block_quantizer.py::test_block_quantizer[mixed]",
    "hw/quantize/block_packer.py": "tests/quantize/test_block_packer.py::test_block_packer[mixed]",
    "hw/quantize/block_unpacker.py": "tests/quantize/test_block_unpacker.py::test_block_unpacker[mixed]",
    "hw/dot/dot_product.py": "tests/dot/test_dot_product.py::test_sums_are_exact_after_the_latency[structural-4-24-2-0]",
    "hw/dot/carry_chain.py": "tests/dot/test_dot_product.py::test_sums_are_exact_after_the_latency[carry_chain-4-24-2-0]",
    "hw/dot/paired_dot_product.py": "tests/dot/test_paired_dot_product.py::test_sums_are_exact",
    "hw/array/processing_element.py": "tests/array/test_processing_element.py::test_processing_element[mixed]",
    "hw/array/tile.py": "tests/array/test_tile.py::test_tile[mixed]",
    "hw/array/mesh.py": "tests/array/test_mesh.py::test_mesh[units]",
    "hw/accumulate/block_accumulator.py":
        "tests/accumulate/test_block_accumulator.py::test_float_words_follow_the_definition[fp32-4-5]",
    "hw/accumulate/aligned_accumulator.py":
        "tests/accumulate/test_block_accumulator.py::test_aligned_states_follow_the_definition[2-3-13]",
    "hw/accumulate/result_finisher.py": "tests/accumulate/test_result_finisher.py::test_result_finisher",
    "hw/accumulate/bfloat16_packer.py": "tests/accumulate/test_bfloat16_packer.py::test_bfloat16_packer[4]",
    "hw/core/counters.py": "tests/core/test_counters.py::test_counters[32-every_event_is_counted_once]",
    "hw/core/decoder.py": "tests/core/test_decoder.py::test_decoder[features]",
    "hw/core/loader.py": "tests/core/test_loader.py::test_loader",
    "hw/core/operand_buffer.py": "tests/core/test_operand_buffer.py::test_operand_buffer[steps_in_a_word]",
    "hw/core/output_stage.py": "tests/core/test_output_stage.py::test_output_stage[blocks]",
    "hw/core/ram.py": "tests/core/test_ram.py::test_ram[shape0]",
    "hw/core/requantizer.py": "tests/core/test_requantizer.py::test_requantizer[parts]",
    "hw/core/result_buffer.py": "tests/core/test_result_buffer.py::test_result_buffer[panels]",
    "hw/core/sequencer.py": "tests/core/test_sequencer.py::test_sequencer[mixed]",
}  # fmt: skip
"""Components with a bench of their own on the emitted Verilog, and that bench on one machine."""


def _driven(text: str, top: str, width: int) -> str:
    """The top with the control as a register of its own instead of a port."""
    head, rest = text.split(f"module {top}(", 1)
    ports, body = rest.split(");", 1)
    ports = ", ".join(port for port in map(str.strip, ports.split(",")) if port != CONTROL)
    body = re.sub(rf"^\s*(?:input|wire) \[{width - 1}:0\] {CONTROL};\n", "", body, flags=re.MULTILINE)
    chosen = f'  reg [{width - 1}:0] {CONTROL};\n  initial if (!$value$plusargs("{CONTROL}=%d", {CONTROL})) {CONTROL} = 0;\n'
    return f"{head}module {top}({ports});\n{chosen}{body}"


def mutated_netlist(text: str, top: str, count: int) -> tuple[str, list[str]]:
    """Verilog with ``count`` mutants evenly over the netlist of ``top`` and all below it, and what each of them is."""
    from hw.host.tools import yosys

    folder, width = FOLDER / f"netlist-{digest(text, count)}", count.bit_length()
    result, listed = folder / "mutated.v", folder / "mutants.txt"
    if not result.exists():
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "plain.v").write_text(text)
        read = f"read_verilog plain.v\nhierarchy -top {top}\nproc\nopt_clean\n"
        yosys(f"{read}mutate -list {count} -seed 1 -ctrl {CONTROL} {width} 1 -o mutants.txt\n", folder)
        yosys(f"{read}{listed.read_text()}\nwrite_verilog -noattr mutated.v\n", folder)
        result.write_text(_driven(result.read_text(), top, width))
    return result.read_text(), listed.read_text().splitlines()


def activate(count: int, number: int) -> None:
    """From now on in this process every bench runs on the netlist with ``count`` mutants, of which one is chosen."""
    from tests import bench

    emit, test = bench.emit_verilog, bench.QuickVerilator.test

    def emit_mutated(component):
        text, listed = mutated_netlist(emit(component), component.module_name, count)
        if not number:
            NOTED.write_text("\n".join(listed))
        return text

    bench.emit_verilog = emit_mutated
    bench.QuickVerilator.test = lambda self, **options: test(self, plusargs=[f"+{CONTROL}={number}"], **options)
    bench.BUILD = Path(FOLDER / "benches")


def _spoken(command: str) -> str:
    """What a command of Yosys does: its mode, and the cell's port and bit with the wire at it."""
    return " ".join(re.findall(r"-(?:mode|cell|port|portbit|wire|wirebit) (\S+)", command))


def _tried(module: str, count: int, deadline: float) -> list[dict]:
    """Outcomes of a component's mutants; its bench must pass without any."""
    test = COMPONENTS[module]
    if trial(partial(activate, count, 0), [test], SECONDS, conftest=True)[0] != "survived":
        raise RuntimeError(f"{test} fails on the netlist without a mutant")
    listed, records = NOTED.read_text().splitlines(), []
    for number, command in enumerate(listed, 1):
        if time.monotonic() > deadline:
            break
        outcome, _ = trial(partial(activate, count, number), [test], SECONDS, conftest=True)
        records.append({"module": module, "outcome": outcome, "before": test, "after": _spoken(command)})
    return records


def netlist_mutants(modules: list[str], count: int, deadline: float) -> list[dict]:
    """Rows of the score of components, ``count`` mutants each; what was whole before is not tried again."""
    known = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    for module in modules:
        name = f"{module} {count} {digest((ROOT / module).read_text(), (ROOT / COMPONENTS[module].split('::')[0]).read_text())}"
        if name not in known and time.monotonic() < deadline:
            known[name] = _tried(module, count, deadline)
            RESULTS.parent.mkdir(parents=True, exist_ok=True)
            RESULTS.write_text(json.dumps(known, indent=1))
        print(table(score(known.get(name, []), {module: count})).splitlines()[2], flush=True)
    latest = {name.split()[0]: records for name, records in known.items() if name.split()[0] in modules}
    return score([r for records in latest.values() for r in records], dict.fromkeys(modules, count))
