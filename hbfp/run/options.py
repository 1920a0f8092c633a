"""What ``hbfp run`` and ``hbfp compile`` share: the network, its mantissa widths, and the machine for it."""

from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import Progress

from hw.choices import CORE_FEATURES
from hw.config import CoreConfig
from hw.host.options import config_from_options

if TYPE_CHECKING:
    from hbfp.run.network import Network
    from hbfp.run.widths import Plan

__all__ = ["add_network_options", "machine_of", "open_network", "plan_of", "progress_bar"]


def add_network_options(parser: ArgumentParser) -> None:
    """Options of what is to run, beside the file and the machine."""
    from pathlib import Path

    parser.add_argument("--operands", choices=("packed", "fp32"), default="packed",
                        help="what products' operands go to the device as: packed blocks, which the host makes, or FP32 words, "
                        "which the core converts; the same bits (default: packed; a board chooses)")  # fmt: skip
    parser.add_argument("--allow-missing", action="store_true",
                        help="let ONNX Runtime compute products that cannot run on a device, under a warning")  # fmt: skip
    group = parser.add_argument_group("mantissa widths (default: what the file says, else 4 bits)")
    group.add_argument("--schedule", metavar="NAME", help="booster, or all-W for a width W")
    group.add_argument("--widths", type=Path, metavar="FILE.json", help="an object of layers' names or patterns and widths")
    group = parser.add_argument_group("sizes of free extents")
    group.add_argument("--batch", type=int, metavar="N", help="the first axis of inputs (default 1)")
    group.add_argument("--sequence", type=int, metavar="N", help="the second axis of inputs of up to three")
    group.add_argument("--size", action="append", default=[], metavar="INPUT:AXIS=N|NAME=N", help="any other; repeatable")


def open_network(options: Namespace) -> "Network":
    """The network asked for."""
    from hbfp.run.network import Network
    from sim.graphs.sizes import read_sizes

    return Network(options.model, options.batch, options.sequence, read_sizes(options.size), options.allow_missing)


def plan_of(options: Namespace) -> "Plan | None":
    """The mantissa widths asked for."""
    from hbfp.run.widths import read_widths

    if options.schedule and options.widths:
        raise ValueError("schedule and widths must not be given both")
    return read_widths(options.widths) if options.widths else options.schedule


def machine_of(options: Namespace, widths: Iterable[int]) -> CoreConfig:
    """The machine asked for, with what the network needs beside: its widths, where no other is said, blocks, a bias."""
    if options.mantissa == CoreConfig.mantissa_widths:
        options.mantissa = tuple(sorted(set(widths)))
    needed = {"bias"} | {"packed"} & {options.operands}
    options.features = tuple(name for name in CORE_FEATURES if name in needed.union(options.features))
    return config_from_options(options)


@contextmanager
def progress_bar() -> Iterator[Callable[[int, int, str], None]]:
    """A progress bar as a function of what is done, of how much, and what comes."""
    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("", total=None)
        yield lambda done, total, what: bar.update(task, completed=done, total=total, description=what)
