"""A program on a device: the network in it, with its commands in place of plans."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from hbfp.program.file import Program
from hbfp.run.network import Network
from hw.config import CoreConfig
from sim.devices.job import Prepared

__all__ = ["check_machine", "opened"]

Commands = dict[str, list[Prepared]]

SHARED = ("block_size", "exponent_width", "rows", "columns", "interleave", "panel_columns", "operand_depth", "lanes",
          "accumulator")  # fmt: skip
"""What a program's machine and the one that runs it must have in common: bits, and the places of operands and results."""


def check_machine(compiled: CoreConfig, present: CoreConfig) -> None:
    """Refuse a machine that a program was not compiled for.

    Raises
    ------
    ValueError
        naming the parameter and both values.
    """
    for name in SHARED:
        wanted, got = getattr(compiled, name), getattr(present, name)
        if wanted != got:
            raise ValueError(f"{name} must be {wanted}, for which the program was compiled, not {got}")
    for name in ("mantissa_widths", "features"):
        missing = [str(x) for x in getattr(compiled, name) if x not in getattr(present, name)]
        if missing:
            raise ValueError(f"{name} must include {', '.join(missing)}, for which the program was compiled")


@contextmanager
def opened(program: Program, allow_missing: bool = False) -> Iterator[tuple[Network, dict[str, int], Commands]]:
    """The program's network, the width of each layer, and the commands of each layer's products.

    Raises
    ------
    ValueError
        for a program whose layers are not those of its network.
    """
    with TemporaryDirectory() as folder:
        path = Path(folder) / program.network
        path.write_bytes(program.model)
        network = Network(path, allow_missing=allow_missing)
    names, placed = [layer.name for layer in program.layers], [place.name for place in network.layers.values()]
    if names != placed:
        raise ValueError(f"{program.network}: layers must be {', '.join(placed)}, not {', '.join(names)}")
    widths = {layer.name: layer.width for layer in program.layers}
    commands = {
        layer.name: [Prepared(product.sizes, product.jobs, product.weights) for product in layer.products]
        for layer in program.layers
    }
    yield network, widths, commands
