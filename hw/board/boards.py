"""The boards: part, oscillator, and a machine that fits, chosen by measurement."""

from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING

from hw.config import CoreConfig

if TYPE_CHECKING:
    from amaranth.build import Platform

__all__ = ["BOARDS", "Board"]


@dataclass(frozen=True)
class Board:
    """A board and what is built for it.

    Parameters
    ----------
    platform
        class of amaranth-boards, as "module:class".
    family
        "ecp5" or "ice40".
    config
        the machine.
    clock_hz
        its clock.
    baud
        of the serial line.
    capacity
        what the part has of each resource of ``RESOURCES``.
    seed
        of placement: one that reaches the clock.
    """

    platform: str
    family: str
    part: str
    config: CoreConfig
    clock_hz: float
    baud: int
    capacity: dict[str, int]
    seed: int = 1

    def make_platform(self) -> "Platform":
        """A fresh platform object of amaranth-boards."""
        module, name = self.platform.split(":")
        return getattr(import_module(module), name)()


RESOURCES: dict[str, dict[str, dict[str, int]]] = {
    "ecp5": {
        "LUT4": {"LUT4": 1, "CCU2C": 2, "TRELLIS_DPR16X4": 6},
        "flip-flops": {"TRELLIS_FF": 1},
        "block RAM": {"DP16KD": 1, "PDPW16KD": 1},
        "multipliers": {"MULT18X18D": 1},
    },
    "ice40": {
        "LUT4": {"SB_LUT4": 1},
        "flip-flops": {"prefix:SB_DFF": 1},
        "block RAM": {"prefix:SB_RAM40": 1},
    },
}
"""How many of each resource a cell of the synthesised netlist takes."""

PLACEMENT: dict[str, tuple[str, ...]] = {"ecp5": ("--placer-heap-timingweight", "40"), "ice40": ()}
"""Options of nextpnr by family: placement by timing four times as much as it does by itself; what limits clocks are wires."""

BOARDS = {
    "ulx3s": Board(
        platform="amaranth_boards.ulx3s:ULX3S_85F_Platform", family="ecp5", part="LFE5U-85F-6BG381C",
        config=CoreConfig(
            tile_rows=2, tile_columns=2, lanes=4, operand_depth=256, panel_columns=8, interleave=8,
            accumulator_cycles=12, tree_cycles=5, datapath="carry_chain",
        ),
        clock_hz=100e6, baud=1_000_000,
        capacity={"LUT4": 83640, "flip-flops": 83640, "block RAM": 208, "multipliers": 156},
    ),
    "ice40_hx8k": Board(
        platform="amaranth_boards.ice40_hx8k_b_evn:ICE40HX8KBEVNPlatform", family="ice40", part="iCE40HX8K-CT256",
        config=CoreConfig(
            block_size=16, dot=4, tile_rows=1, tile_columns=1, lanes=1, operand_depth=64, panel_columns=4,
            queue_depth=1, accumulator_cycles=6, tree_cycles=1,
        ),
        clock_hz=60e6, baud=1_000_000,
        capacity={"LUT4": 7680, "flip-flops": 7680, "block RAM": 32}, seed=4,
    ),
}  # fmt: skip
