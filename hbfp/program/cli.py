"""``hbfp compile``: a network as a command program for one machine."""

from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from pathlib import Path

from hbfp.program.compile import compile_network
from hbfp.program.file import write_program
from hbfp.run.options import add_network_options, machine_of, open_network, plan_of, progress_bar
from hw.host.files import check_outputs
from hw.host.options import add_config_options
from hw.host.program import CommandLineError, run

__all__ = ["main"]


def _options(parser: ArgumentParser) -> None:
    parser.add_argument("model", type=Path, metavar="MODEL.onnx", help="the network")
    parser.add_argument("-o", "--output", type=Path, metavar="FILE.hbfp", help="the program (default: MODEL.hbfp)")
    add_network_options(parser)
    add_config_options(parser)


def _main(options: Namespace) -> int:
    output = options.output or Path(f"{options.model.stem}.hbfp")
    try:
        check_outputs(output)
        network, plan = open_network(options), plan_of(options)
        machine = machine_of(options, network.widths(plan).values())
        with progress_bar() as report:
            program = compile_network(network, machine, plan, options.operands, report)
        write_program(program, output)
    except (ValueError, TypeError, OSError, ImportError) as error:
        raise CommandLineError(str(error)) from None
    products = [product for layer in program.layers for product in layer.products]
    count = sum(len(product.jobs) for product in products)
    size = sum(len(product.weights or b"") for product in products)
    print(f"wrote {output}: {len(program.layers)} layers, {len(products):,} products, {count:,} commands, "
          f"{size:,} bytes of weights in blocks")  # fmt: skip
    return 0


def main(arguments: Sequence[str] | None = None) -> int:
    """Entry point; returns the exit status."""
    return run("hbfp compile", "Compile a network into a command program for one machine.", _options, _main, arguments)
