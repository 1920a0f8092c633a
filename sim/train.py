"""``python -m sim.train``: a network trained through the compiled Verilog, held to the golden model bit for bit.

Trains twice from the same seed, once on the golden model and once on the device, by the same code; every product of
every step and of every test goes through the device. Then the weights must be equal in all bits.
"""

import argparse
import json
import sys
import time
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

import golden
from golden import BlockTensor, Health
from golden.train import Arithmetic, Diverged, GoldenDevice, Network, Recipe, train
from golden.train.tasks import TASKS, digits
from hw.config import CoreConfig
from sim.devices import CycleDevice, Device, RtlDevice

__all__ = ["CONFIG", "Machine", "compare", "main", "run", "storage"]

CONFIG = CoreConfig(
    mantissa_widths=(4, 6), rounding_modes=("nearest", "stochastic"), block_size=16, lanes=4, tile_rows=2,
    tile_columns=2, panel_columns=32, operand_depth=64, datapath="behavioral",
    features=("packed", "bfloat16", "bias", "requantize"),
)  # fmt: skip
"""The machine that trains: 4 units of 16 products, widths 4 and 6 by command. It is small so that it compiles fast."""


class Machine:
    """A device of the simulator that takes weights in tiles too: they enter the compiled core as packed blocks.

    Parameters
    ----------
    device
        on compiled Verilog, or golden values with cycles.
    """

    def __init__(self, device: Device):
        self.device = device

    @property
    def block_size(self) -> int:
        """Elements along the reduction axis that share an exponent."""
        return self.device.config.block_size

    def matmul(self, a, b, *, width_a, width_b, rounding, seed_a, seed_b) -> np.ndarray:
        """See ``golden.train.Device``; of the two operands B may be blocks."""
        if isinstance(b, BlockTensor):
            return self._packed(a, b, width_a, rounding, seed_a)
        return self.device.matmul(
            a, b, width_a=width_a, width_b=width_b, rounding=rounding, seed_a=seed_a, seed_b=seed_b
        )

    def health(self) -> Health:
        """What the quantizers lost; operands count as often as they are loaded."""
        return self.device.health()

    def _packed(self, a, b: BlockTensor, width_a: int, rounding: str, seed_a: int) -> np.ndarray:
        from hw.command import OperandFormat, Rounding
        from sim.rtl.core import RtlProduct

        if not isinstance(self.device, RtlDevice) or "packed" not in self.device.config.features:
            raise ValueError("weights in tiles need the RTL device, and a machine with the feature packed")
        fields = {
            "width_a": width_a, "width_b": b.format.mantissa_width, "format_b": OperandFormat.PACKED,
            "rounding": Rounding[rounding.upper()], "seed_a": seed_a,
        }  # fmt: skip
        product = RtlProduct(a, np.empty(b.shape, np.float32), fields, packed_b=golden.pack(b).tobytes())
        return self.device._core.run([product])[0][0]


def run(network: Network, arithmetic: Arithmetic, recipe: Recipe, data, bar=None, steps: int | None = None) -> dict:
    """Train; the record has losses, accuracies, steps and seconds."""
    start = time.monotonic()
    history = train(network, data, arithmetic, recipe, steps=steps, progress=bar)
    return asdict(history) | {"seconds": round(time.monotonic() - start, 2)}


def compare(one: Network, other: Network) -> dict[str, int]:
    """Number of elements whose bits differ, by parameter."""
    different = {}
    for a, b in zip(one.products, other.products, strict=True):
        for name in ("weights", "bias"):
            bits = [getattr(layer, name).value.view(np.uint32) for layer in (a, b)]
            different[f"{a.name} {name}"] = int((bits[0] != bits[1]).sum())
    return different


def storage(network: Network, arithmetic: Arithmetic, x: np.ndarray) -> list[dict]:
    """Bits per element of each layer's weights and of its inputs for the samples ``x``, as packed for the port.

    Exponents and the padding of ragged blocks count. Both tensors lie along the layer's inputs.
    """
    seen = []

    class Spy:
        block_size = arithmetic.device.block_size
        health = arithmetic.device.health

        def matmul(self, a, b, **options):
            seen.append((a, b, options["width_a"]))
            return arithmetic.device.matmul(a, b, **options)

    spied = Arithmetic(Spy(), arithmetic.schedule, arithmetic.epochs, "nearest", arithmetic.seed)
    network.forward(x, spied)
    rows = []
    for layer, (a, b, width) in zip(network.products, seen, strict=True):
        block_format = golden.BlockFormat(width, spied.device.block_size)
        for name, tensor, axis in (("weights", b, 0), ("inputs", a, 1)):
            packed = golden.pack(golden.quantize(tensor, block_format, axis)).nbytes
            rows.append(
                {
                    "layer": layer.name, "tensor": name, "mantissa_width": width, "elements": tensor.size,
                    "bytes": packed, "bits_per_element": 8 * packed / tensor.size, "fp32_bytes": 4 * tensor.size,
                }
            )  # fmt: skip
    return rows


def parse(arguments):
    """The command line's options."""
    parser = argparse.ArgumentParser(prog="python -m sim.train", description=__doc__.split("\n\n")[0].split(": ", 1)[1])
    parser.add_argument("--device", choices=["rtl", "cycle"], default="rtl", help="default: rtl")
    parser.add_argument("--task", choices=list(TASKS), default="mlp", help="default: mlp")
    parser.add_argument("--schedule", default="booster", help="booster (default), all-4 or all-6")
    parser.add_argument("--epochs", type=int, default=4, help="default: 4")
    parser.add_argument("--steps", type=int, help="stop after so many steps")
    parser.add_argument("--block", type=int, default=16, help="block size, a multiple of 16 (default: 16)")
    parser.add_argument("--quick", action="store_true", help="compile without optimization: for short runs")
    parser.add_argument("--seed", type=int, default=1, help="of the run (default: 1)")
    parser.add_argument("--tiles", action="store_true", help="weights in square tiles, packed, for both products")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the record")
    return parser, parser.parse_args(arguments)


def main(arguments=None) -> int:
    """Train on both, compare, print; exit status 1 if a bit differs."""
    parser, options = parse(arguments)
    console = Console(stderr=True)
    task = TASKS[options.task]
    try:
        plan = golden.schedule(options.schedule)
        recipe = replace(task.recipe, epochs=options.epochs)
        if options.block % CONFIG.dot:
            raise ValueError(f"block must be a multiple of {CONFIG.dot}, not {options.block}")
        config = replace(CONFIG, block_size=options.block, panel_columns=max(CONFIG.panel_columns, options.block))
        tile = config.block_size if options.tiles else 1
        if options.steps is not None and options.steps < 1:
            raise ValueError(f"steps must be at least 1, not {options.steps}")
        unknown = set(plan.widths()) - set(CONFIG.mantissa_widths)
        if unknown:
            raise ValueError(f"schedule must need no widths but {CONFIG.mantissa_widths}, not {min(unknown)}")
        if options.tiles and options.device != "rtl":
            raise ValueError("tiles must be run on the rtl device, not on cycle")
        reference = Arithmetic(GoldenDevice(config.block_size), plan, recipe.epochs, seed=options.seed, tile_width=tile)
    except ValueError as error:
        parser.error(str(error))
    steps = options.steps or recipe.epochs * -(-len(digits().x_train) // recipe.batch)
    networks = [task.network(options.seed) for _ in range(2)]
    with Progress(console=console) as progress:
        bar = progress.add_task("training on golden", total=steps)

        def show_step(step: int, loss: float) -> None:
            progress.update(bar, completed=step)

        ours = run(networks[0], reference, recipe, digits(), show_step, options.steps)
        bar = progress.add_task("compiling the generated Verilog", total=steps)
        start = time.monotonic()
        device = RtlDevice(config, quick=options.quick) if options.device == "rtl" else CycleDevice(config)
        compile_seconds = round(time.monotonic() - start, 2)
        progress.update(bar, description=f"training on {options.device}")
        arithmetic = Arithmetic(Machine(device), plan, recipe.epochs, seed=options.seed, tile_width=tile)
        theirs = run(networks[1], arithmetic, recipe, digits(), show_step, options.steps)
    different = compare(*networks)
    counters = device.counters
    elements = sum(parameter.value.size for parameter in networks[1].parameters)
    record = {
        "task": options.task, "schedule": plan.name, "device": options.device, "machine": config.name,
        "block_size": config.block_size,
        "epochs": recipe.epochs, "batch": recipe.batch, "seed": options.seed, "tiles": options.tiles,
        "steps": theirs["steps"], "parameters": elements, "different": sum(different.values()),
        "accuracy": theirs["accuracy"], "golden_accuracy": ours["accuracy"], "cycles": counters["cycles"],
        "counters": counters, "seconds": theirs["seconds"], "golden_seconds": ours["seconds"],
        "compile_seconds": compile_seconds,
        "storage": storage(networks[0], reference, digits().x_train[: recipe.batch]),
    }  # fmt: skip
    if options.json:
        options.json.parent.mkdir(parents=True, exist_ok=True)
        options.json.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    show(record)
    return 1 if record["different"] else 0


def show(record: dict) -> None:
    """Print a record."""
    title = f"{TASKS[record['task']].title}, {record['schedule']}: storage, for a batch of {record['batch']}"
    table = Table(title=title)
    for name in ("layer", "tensor", "mantissa", "elements", "bits / element", "of FP32"):
        table.add_column(name, justify="left" if name in ("layer", "tensor") else "right")
    for row in record["storage"]:
        table.add_row(
            row["layer"], row["tensor"], str(row["mantissa_width"]), f"{row['elements']:,}",
            f"{row['bits_per_element']:.3f}", f"{row['bytes'] / row['fp32_bytes']:.1%}",
        )  # fmt: skip
    Console().print(table)
    busy = record["counters"]["busy"] / record["cycles"]
    print(
        f"{record['steps']} steps on {record['device']}: {record['cycles']:,} cycles (array busy {busy:.0%}) in "
        f"{record['seconds']:.1f} s, golden {record['golden_seconds']:.1f} s; accuracy {record['accuracy'][-1]:.2%}"
    )
    if record["different"]:
        print(f"{record['different']} of {record['parameters']:,} weights and biases DIFFER.")
    else:
        print(f"All {record['parameters']:,} weights and biases agree with golden in every bit.")


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Diverged as error:
        sys.exit(f"error: {error}")
