"""Baselines beside other open designs: ``python -m bench.baselines docs/baselines.json --into docs/baselines.md``.

The file holds what was measured of others' designs by ``python -m synth outside``, each with its source. This measures the same
functions of this project by the same recipes, and writes the table. Without ``--library`` the table alone is written.
"""

import argparse
import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from amaranth.lib.wiring import Component

from hw.accumulate.float_format import BF16, FP32, FloatFormat
from hw.baseline.float_multiply import FloatAdd, FloatMultiply
from hw.baseline.scaled_product import ScaledDotProduct
from hw.dot.dot_product import DotProduct
from hw.dot.paired_dot_product import PairedDotProduct, PairSelects, PairSums
from hw.emit import emit_verilog
from hw.host.files import check_outputs, keep, read_text
from hw.host.tools import yosys_version
from synth.mapping.flow import BUILD, synthesise
from synth.mapping.liberty import Library, find_library
from synth.report.pages import check_page, rewrite

__all__ = ["OURS", "measure", "table"]

FP16, E4M3 = FloatFormat(5, 11), FloatFormat(4, 4)


def _scaled(exponent_width: int, significand_width: int, dot: int = 8) -> list[Component]:
    """A dot product of small floats, and the decoders of its operands."""
    product = ScaledDotProduct(exponent_width, significand_width, dot)
    assert product.prepare is not None
    return [product, product.prepare(), product.prepare()]


def _paired(width: int, dot: int) -> list[Component]:
    """A dot product by pairs, and what makes the sums and the selects of pairs."""
    return [PairedDotProduct(width, dot), PairSums(width, dot), PairSelects(width, dot)]


OURS: dict[str, Callable[[], list[Component]]] = {
    "FP32 adder": lambda: [FloatAdd(FP32)],
    "FP16 adder": lambda: [FloatAdd(FP16)],
    "BF16 adder": lambda: [FloatAdd(BF16)],
    "E4M3 adder": lambda: [FloatAdd(E4M3)],
    "FP32 multiplier": lambda: [FloatMultiply(FP32, FP32)],
    "FP16 multiplier": lambda: [FloatMultiply(FP16, FP16)],
    "BF16 multiplier": lambda: [FloatMultiply(BF16, BF16)],
    "E4M3 multiplier": lambda: [FloatMultiply(E4M3, E4M3)],
    "MXFP4 dot product of 8": lambda: _scaled(2, 2),
    "MXFP6 E2M3 dot product of 8": lambda: _scaled(2, 4),
    "MXFP8 E4M3 dot product of 8": lambda: _scaled(4, 4),
    "INT8 dot product of 8": lambda: _paired(8, 8),
    "INT4 dot product of 8": lambda: [DotProduct(4, 8)],
}
"""What is compared, by function: the components that do it, each mapped by itself."""


def measure(name: str, library: Library, build: Path = BUILD, seconds: float = 1800) -> float:
    """Area of one of ``OURS``, in the library's unit."""
    return sum(
        synthesise(emit_verilog(part), part.module_name, [], library, clock_gates=True, seconds=seconds, build=build).area
        for part in OURS[name]()
    )


def table(document: dict[str, Any]) -> str:
    """Ours, theirs and their ratio, per product of a dot product; without the registers that theirs have."""
    lines = ["| what | theirs | ours | theirs | theirs/ours |", "| --- | --- | ---: | ---: | ---: |"]
    for row in document["theirs"]:
        ours = sum(document["ours"][name] for name in row["ours"]) / row["products"]
        theirs = (row["area"] - row["flip_flops"]) / row["products"]
        lines.append(f"| {row['what']} | {row['design']} | {ours:.1f} | {theirs:.1f} | {theirs / ours:.2f} |")
    return "\n".join(lines) + "\n"


def main(arguments: list[str] | None = None) -> None:
    """Measure where a library is named, and write."""
    parser = argparse.ArgumentParser(prog="python -m bench.baselines", description="baselines beside other open designs")
    parser.add_argument("json", type=Path, metavar="FILE", help="others' areas; with --library ours are written to it")
    parser.add_argument("--library", metavar="NAME", help="name or file of the library that the others were mapped to")
    parser.add_argument("--build", type=Path, default=BUILD, metavar="DIR", help="folder of caches")
    parser.add_argument("--into", type=Path, metavar="PAGE", help="page with markers <!-- baselines --> to write the table between")
    options = parser.parse_args(arguments)
    document = json.loads(read_text(options.json))
    if options.into:
        check_page(options.into)
    if options.library:
        check_outputs(options.json)
        library = find_library(options.library, options.build)
        digest, known = hashlib.sha256(library.path.read_bytes()).hexdigest(), document["library"]
        if digest != known["sha256"]:
            parser.error(f"library must be {known['name']}, which the others were mapped to, not {library.name}")
        document["ours"] = {name: round(measure(name, library, options.build), 3) for name in OURS}
        document["yosys"] = yosys_version()
        keep(options.json, json.dumps(document, indent=1) + "\n")
    print(table(document), end="")
    if options.into:
        rewrite(options.into, {"baselines": table(document)})


if __name__ == "__main__":
    main()
