"""Control that travels with the operands through the mesh."""

from amaranth.lib import data

from hw.config import CoreConfig

__all__ = ["control_layout"]


def control_layout(config: CoreConfig) -> data.StructLayout:
    """Control of one cycle.

    Attributes
    ----------
    valid
        the operands are a step of a block product.
    clear
        the step is the first of its block, so the block sum starts anew.
    shift
        the step begins a pass of lower weight, so the block sum so far moves up by one slice.
    block
        the step is the last of its block, so the block sum goes to the accumulator.
    first
        the block is the first of its output, which starts from +0.
    last
        the block is the last of its output, which leaves for the drain chain.
    final
        with ``last``, no other slot of this output tile follows.
    slot
        the output, among the unit's interleaved ones.
    """
    return data.StructLayout(
        {
            "valid": 1,
            "clear": 1,
            "shift": 1,
            "block": 1,
            "first": 1,
            "last": 1,
            "final": 1,
            "slot": range(config.interleave),
        }
    )
