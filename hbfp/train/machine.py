"""``hbfp train-on``: a network trained through a machine, held to the kernels of ``hbfp.torch`` bit for bit.

Trains twice from the same seed, once in this process and once with every product on the machine, by the same code. Then
the weights must be equal in all bits.
"""

import argparse
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import Progress

import golden
from golden import BlockTensor
from hbfp.torch import HBFP, Diverged, device
from hbfp.torch.schedule import schedule
from hbfp.train.run import Point, Record, Training
from hbfp.train.storage import show_storage, storage
from hbfp.train.tasks import TASKS
from hw.config import CoreConfig
from hw.host.files import check_outputs, write_files
from hw.host.program import CommandLineError, Failure, run
from sim.devices import CycleDevice, Device, GoldenDevice, RtlDevice
from sim.rtl.library import RtlError

__all__ = ["CONFIG", "DEVICES", "TiledWeights", "different", "main", "train_on"]

CONFIG = CoreConfig(
    mantissa_widths=(4, 6), rounding_modes=("nearest", "stochastic"), block_size=16, lanes=4, tile_rows=2,
    tile_columns=2, panel_columns=32, operand_depth=64, datapath="behavioral",
    features=("packed", "bfloat16", "bias", "requantize"),
)  # fmt: skip
"""The machine that trains: 4 units of 16 products, widths 4 and 6 by command. It is small so that it compiles fast."""
DEVICES = ("golden", "cycle", "rtl")
"""Where the second run's products are: golden values, golden values with exact cycles, or the compiled Verilog."""
TEXT = "Train a network twice, in this process and on a machine; all weights must be equal in every bit."


class TiledWeights:
    """A compiled core that takes weights in square tiles too: they enter as packed blocks.

    Parameters
    ----------
    core
        with the feature packed.
    """

    def __init__(self, core: RtlDevice):
        if "packed" not in core.config.features:
            raise ValueError(f"features must have packed for weights in tiles, not {', '.join(core.config.features)}")
        self.core, self.block_size = core, core.block_size

    def matmul(self, a: NDArray[np.float32], b: NDArray[np.float32] | BlockTensor, **options: Any) -> Any:
        """As ``sim.devices.Device.matmul``; B may be blocks."""
        from hw.command import OperandFormat, Rounding
        from sim.rtl.core import RtlProduct

        if not isinstance(b, BlockTensor):
            return self.core.matmul(a, b, **options)
        fields = {
            "width_a": options["width_a"], "width_b": b.format.mantissa_width, "format_b": OperandFormat.PACKED,
            "rounding": Rounding[options["rounding"].upper()], "seed_a": options["seed_a"],
        }  # fmt: skip
        packed = golden.pack(b, self.core.config.load_lines).tobytes()
        product = RtlProduct(a, np.empty(b.shape, np.float32), fields, packed_b=packed)
        return self.core._core.run([product])[0][0]


def different(one: torch.nn.Module, other: torch.nn.Module) -> dict[str, int]:
    """Number of elements whose bits differ, by parameter."""
    pairs = zip(one.named_parameters(), other.parameters(), strict=True)
    return {name: int((a.view(torch.int32) != b.view(torch.int32)).sum()) for (name, a), b in pairs}


def train_on(
    machine: Device, point: Point, plan: str, tiles: bool = False, steps: int | None = None, progress: Any = None
) -> tuple[Record, Training]:
    """Both runs; the record has the machine's counts, in all and for each step, and how many weights differ.

    Parameters
    ----------
    machine
        whose block size holds.
    point
        task, seed and epochs; its format is not looked at.
    plan
        name of the schedule.
    tiles
        weights of linear layers in square tiles, which only the compiled core takes.
    steps
        stop after so many.
    progress
        called with the run (0, 1) and the number of steps.
    """
    block = machine.block_size
    chosen = schedule(plan), HBFP(block_size=block, tile_width=block if tiles else 1)
    trainings, seconds = [Training(point, chosen) for _ in range(2)], list[float]()
    before, after = list[dict[str, int]](), list[dict[str, int]]()

    def before_step(model: torch.nn.Module, _: object) -> None:
        if model.training:
            before.append(dict(machine.counters))

    def after_step(step: int, loss: float) -> None:
        if seconds:
            after.append(dict(machine.counters))
        if progress:
            progress(len(seconds), step)

    trainings[1].model.register_forward_pre_hook(before_step)

    places: tuple[Any, ...] = (None, _with_tiles(machine) if tiles else machine)
    for training, where in zip(trainings, places, strict=True):
        start = time.monotonic()
        with device(where):
            training.fit(steps, after_step)
        seconds.append(round(time.monotonic() - start, 2))
    ours, theirs = trainings
    differ = different(ours.model, theirs.model)
    record = {
        "task": point.task, "schedule": plan, "machine": machine.config.name, "block_size": block,
        "epochs": ours.recipe.epochs, "batch": ours.recipe.batch, "seed": point.seed, "tiles": tiles,
        "steps": theirs.steps, "parameters": theirs.record["parameters"], "different": sum(differ.values()),
        "accuracy": theirs.record["accuracy"], "loss": theirs.record["loss"],
        "same_losses": ours.record["loss"] == theirs.record["loss"], "kernels_seconds": seconds[0], "seconds": seconds[1],
        "counters": dict(machine.counters),
    }  # fmt: skip
    for what, counter in (("cycles", "cycles"), ("commands", "completed")):
        if counter in machine.counters:
            record[f"{what}_of_step"] = [b[counter] - a[counter] for a, b in zip(before, after, strict=True)]
    return record, ours


def _with_tiles(machine: Device) -> TiledWeights:
    if not isinstance(machine, RtlDevice):
        raise ValueError("tiles must be on the device rtl, whose core takes packed weights")
    return TiledWeights(machine)


def _options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("device", choices=DEVICES, help="the machine: golden values, with exact cycles, or compiled Verilog")
    parser.add_argument("--task", choices=list(TASKS), default="mlp", metavar="TASK", help="default: mlp")
    parser.add_argument("--schedule", default="booster", metavar="NAME", help="booster (default), all-4 or all-6")
    parser.add_argument("--epochs", type=int, default=4, help="default: 4")
    parser.add_argument("--steps", type=int, help="stop after so many steps")
    parser.add_argument("--block", type=int, default=16, help="block size, a multiple of 16 (default: 16)")
    parser.add_argument("--quick", action="store_true", help="compile without optimization: for short runs")
    parser.add_argument("--seed", type=int, default=1, help="of the run (default: 1)")
    parser.add_argument("--tiles", action="store_true", help="weights in square tiles, packed, for both products")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the record")


def _config(options: argparse.Namespace) -> CoreConfig:
    """The machine; raises for options that cannot be."""
    for name, high in (("epochs", 10000), ("steps", 1 << 40), ("seed", 2**32 - 1)):
        value = getattr(options, name)
        if value is not None and not 1 <= value <= high:
            raise ValueError(f"{name} must be between 1 and {high}, not {value}")
    if options.block < 16 or options.block % CONFIG.dot:
        raise ValueError(f"block must be a multiple of {CONFIG.dot}, not {options.block}")
    unknown = set(golden.schedule(options.schedule).widths()) - set(CONFIG.mantissa_widths)
    if unknown:
        raise ValueError(f"schedule must need no widths but {CONFIG.mantissa_widths}, not {min(unknown)}")
    if options.tiles and options.device != "rtl":
        raise ValueError(f"tiles must be on the device rtl, not {options.device}")
    return replace(CONFIG, block_size=options.block, panel_columns=max(CONFIG.panel_columns, options.block))


def _main(options: argparse.Namespace) -> int:
    """Train on both, compare, print; exit status 1 if a bit differs."""
    try:
        config = _config(options)
        if options.json:
            check_outputs(options.json)
    except ValueError as error:
        raise CommandLineError(str(error)) from None
    point, start = Point(options.task, "HBFP4", options.seed, epochs=options.epochs), time.monotonic()
    with Progress(console=Console(stderr=True)) as shown:
        bars = [shown.add_task(f"training {where}", total=None) for where in ("in this process", f"on {options.device}")]
        kinds = {"golden": GoldenDevice, "cycle": CycleDevice}
        kind = kinds.get(options.device)
        try:
            machine = kind(config) if kind else RtlDevice(config, quick=options.quick)
            compiled = round(time.monotonic() - start, 2)
            record, ours = train_on(
                machine, point, options.schedule, options.tiles, options.steps,
                lambda bar, step: shown.update(bars[bar], completed=step),
            )  # fmt: skip
        except (Diverged, RtlError) as error:
            raise Failure(str(error)) from None
    record = {"device": options.device, **record, "compile_seconds": compiled, "storage": storage(ours)}
    if options.json:
        write_files({options.json: json.dumps(record, indent=1) + "\n"})
    print(show_storage(record["storage"]))
    print(_summary(record))
    return 1 if record["different"] else 0


def _summary(record: Record) -> str:
    """What came of a record, in lines."""
    lines = [f"{record['steps']} steps on {record['device']}: accuracy {record['accuracy'][-1]:.2%}"]
    if "cycles_of_step" in record:
        first, most = (f"{cycles:,}" for cycles in (record["cycles_of_step"][0], max(record["cycles_of_step"])))
        busy = record["counters"]["busy"] / record["counters"]["cycles"]
        lines.append(
            f"{record['counters']['cycles']:,} cycles with tests, array busy {busy:.0%}; {first} in the first step, "
            f"{most} in the longest"
        )
    if "commands_of_step" in record:
        lines.append(f"{record['counters']['completed']:,} commands, {record['commands_of_step'][-1]:,} in the last step")
    total = f"{record['parameters']:,} parameters"
    differ = record["different"]
    lines.append(f"{differ} of {total} DIFFER." if differ else f"All {total} agree in every bit.")
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> int:
    """Entry point; returns the exit status."""
    return run("hbfp train-on", TEXT, _options, _main, arguments)


if __name__ == "__main__":
    sys.exit(main())
