"""A program for people: ``hbfp disassemble``."""

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path

from hbfp.program.file import ProductProgram, Program, read_program
from hw.command import OperandFormat, OutputFormat, Rounding, pack_command
from hw.host.program import CommandLineError, run
from sim.devices.job import Job
from sim.workloads.window import Walk

__all__ = ["disassemble", "main"]


def disassemble(program: Program) -> Iterator[str]:
    """Lines of text: the machine, then each layer, product and command."""
    yield f"program of {program.network} for {program.machine.name}, operands {program.operands}"
    for layer in program.layers:
        yield ""
        yield f"{layer.name}: {layer.operation}, {layer.width} bits"
        for number, product in enumerate(layer.products):
            yield f"  product {number}: {_product(product)}"
            yield from (f"    {pack_command(**job.fields):043x}  {_command(job)}" for job in product.jobs)


def _product(product: ProductProgram) -> str:
    m, k, n = product.sizes
    weights = "" if product.weights is None else f", B of {len(product.weights):,} bytes in the file"
    return f"C ({m} x {n}) = A ({m} x {k}) B ({k} x {n}){' + bias' if product.bias else ''}{weights}"


def _command(job: Job) -> str:
    fields, words = job.fields, []
    rows, inner, columns = (f"{part.start}:{part.stop}" for part in (job.rows, job.inner, job.columns))
    of_a, walk = f"[{rows}, {inner}]", Walk.of(fields)
    if walk is not None:
        of_a += f" of {walk.kernel_rows}x{walk.kernel_columns} taps over {walk.positions} positions of {walk.channels} channels"
    for name, part in (("a", of_a), ("b", f"[{inner}, {columns}]")):
        form = OperandFormat(fields[f"format_{name}"]).name.lower()
        load = f"load {form} {name.upper()}{part}" if fields[f"load_{name}"] else f"keep {name.upper()}"
        words.append(f"{load} in {fields[f'width_{name}']} bits")
    words.append("add to C" if fields["accumulate"] else "multiply")
    if fields["store"]:
        words += ["add bias"] * fields["bias"] + ["relu"] * fields["relu"]
        form = OutputFormat(fields["output"]).name.lower()
        words.append(f"store {form} C[{rows}, {columns}]")
    words += [f"rounding {Rounding(fields['rounding']).name.lower()}"] * bool(fields["rounding"])
    return ", ".join(words)


def _options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("program", type=Path, metavar="FILE.hbfp", help="a program that hbfp compile has written")


def _main(options: argparse.Namespace) -> int:
    try:
        program = read_program(options.program)
    except (ValueError, OSError) as error:
        raise CommandLineError(str(error)) from None
    for line in disassemble(program):
        print(line)
    return 0


def main(arguments: Sequence[str] | None = None) -> int:
    """Entry point; returns the exit status."""
    return run("hbfp disassemble", "Print a command program for people.", _options, _main, arguments)
