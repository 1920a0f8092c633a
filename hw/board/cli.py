"""``python -m hw.board NAME``: a core on a board, up to the bitstream."""

import argparse
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from hw.board.boards import BOARDS, Board
from hw.host.files import read_json
from hw.host.program import CommandLineError, run

if TYPE_CHECKING:
    from hw.board.build import BuildPlan
    from hw.config import CoreConfig

__all__ = ["main"]


def _options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("board", nargs="?", metavar="BOARD", help=f"one of {', '.join(BOARDS)}")
    parser.add_argument("--list", action="store_true", help="describe the boards and exit")
    parser.add_argument("--dry-run", action="store_true", help="show what would be done and exit")
    parser.add_argument("--config", type=Path, metavar="FILE",
                        help="machine as the JSON that hw.generate writes (default: the board's)")  # fmt: skip
    parser.add_argument("--clock", type=float, metavar="MHZ", help="clock of the core in MHz (default: the board's)")
    parser.add_argument("--seed", type=int, metavar="N", help="seed of placement (default: the board's)")
    parser.add_argument("-o", "--output", type=Path, metavar="FOLDER",
                        help="where to build (default: build/boards/BOARD)")  # fmt: skip


def _config(path: Path) -> "CoreConfig":
    from hw.config import CoreConfig

    try:
        values = read_json(path)
        if not isinstance(values, dict):
            raise ValueError(f"config must be JSON of a machine's parameters, not {path}")
        return CoreConfig.from_dict(values.get("parameters", values))
    except (TypeError, ValueError) as error:
        raise CommandLineError(str(error)) from None


def _main(options: argparse.Namespace) -> int:
    if options.list:
        for name, board in BOARDS.items():
            units = f"{board.config.rows} x {board.config.columns} units of {board.config.dot} products"
            print(f"{name:12} {board.part:20} {units}, {board.clock_hz / 1e6:g} MHz")
        return 0
    if options.board is None:
        raise CommandLineError(f"board must be one of {', '.join(BOARDS)}; none was given")
    if options.board not in BOARDS:
        raise CommandLineError(f"board must be one of {', '.join(BOARDS)}, not {options.board}")
    board = BOARDS[options.board]
    config = _config(options.config) if options.config else None
    if options.clock is not None and not 1 <= options.clock <= 400:
        raise CommandLineError(f"clock must be between 1 and 400 MHz, not {options.clock:g}")
    folder = options.output or Path("build") / "boards" / options.board

    from hw.board.build import plan_build
    from hw.host.tools import ToolError

    try:
        plan = plan_build(board, folder, config, options.clock and options.clock * 1e6, options.seed)
    except (ValueError, ToolError) as error:
        raise CommandLineError(str(error)) from None
    clock = plan.top.clock.hz
    print(f"{options.board}: {board.part}, {plan.top.config.name}, clock {clock / 1e6:g} MHz, "
          f"serial line {board.baud} baud ({plan.top.divisor} cycles a bit)")  # fmt: skip
    if options.dry_run:
        print(f"files in {folder}: {', '.join(plan.files)}")
        for step in plan.steps:
            print("  " + shlex.join(step))
        print(f"bitstream: {plan.bitstream}")
        return 0
    try:
        _build(plan, board, clock)
    except ToolError as error:
        raise CommandLineError(str(error)) from None
    return 0


def _build(plan: "BuildPlan", board: Board, clock: float) -> None:
    from hw.board.build import BuildError, least_tables, too_large

    # What needs no synthesis is checked before it; what synthesis finds is checked before routing.
    least = {**dict.fromkeys(board.capacity, 0), "LUT4": least_tables(plan.top.config)}
    if missing := too_large(least, board.capacity):
        raise BuildError(f"the machine is too large for {board.part}: its multipliers alone take {missing}")
    plan.prepare()
    for number in range(len(plan.steps)):
        print(f"{plan.name(number)} …", end="", flush=True)
        print(f" {plan.run(number):.0f} s", flush=True)
        if number == 0:
            used = plan.resources()
            for name, room in board.capacity.items():
                print(f"  {name:12} {used[name]:7} of {room:7} ({100 * used[name] / room:.0f} %)")
            if missing := too_large(used, board.capacity):
                raise BuildError(f"the machine is too large for {board.part}: {missing}")
        if number == 1:
            reached = plan.clock_hz()
            for name, (used_cells, room) in plan.utilisation().items():
                print(f"  {name:16} {used_cells:7} of {room:7}")
            print(f"  clock {reached / 1e6:.1f} MHz by nextpnr, {clock / 1e6:g} MHz asked for")
            if reached < clock:
                raise BuildError(
                    f"the machine reaches {reached / 1e6:.1f} MHz, not {clock / 1e6:g}; "
                    f"give --clock {int(reached / 1e6)}"
                )
    print(f"  peak {plan.operations_per_second(clock) / 1e9:.2f} billion operations per second at {clock / 1e6:g} MHz")
    print(f"wrote {plan.bitstream} ({plan.bitstream.stat().st_size / 1024:.0f} KiB)")


def main(arguments: Sequence[str] | None = None) -> int:
    """Entry point; returns the exit status."""
    return run("hw.board", "Put an HBFP core on a board.", _options, _main, arguments)
