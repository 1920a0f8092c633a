"""The throttle: output tiles keep their distance on the drain chains, and panels wait for room in the result buffer."""

from amaranth.hdl import Module, Mux, Signal, Value

from hw.sequence.loops import Steps

__all__ = ["may_issue"]


def may_issue(m: Module, result_panels: int, drain_cycles: int, steps: Steps, accept: Value, panel_free: Value, tile_stores: Value,
              next_stores: Value, last_block: Value, panel_ends: Value) -> Signal:  # fmt: skip
    """Whether the step may be issued: the first of an output tile's last block waits for drain chain and panel.

    Found a step ahead, so that a register decides.

    Parameters
    ----------
    m
        where the logic goes.
    result_panels
        that the result buffer holds.
    drain_cycles
        least distance of two output tiles.
    steps, accept
        which loops step, and whether a job begins.
    panel_free
        the store stage has finished a panel.
    tile_stores, next_stores
        the tile that ends leaves for the result buffer; and so will the one that the coming step belongs to.
    last_block
        the coming step is one of an output tile's last block.
    panel_ends
        with the tile that ends, its panel of the result buffer is complete.
    """
    drain, free, free_next = Signal(range(drain_cycles + 1)), Signal(init=1), Signal()
    panels, panels_next = Signal(range(result_panels + 1)), Signal(range(result_panels + 1))
    begins, begins_next, fresh, fresh_next = Signal(), Signal(), Signal(), Signal()
    critical, may = Signal(), Signal()
    m.d.comb += [
        panels_next.eq(panels + (steps.issue & critical & fresh) - panel_free),
        free_next.eq(free | (drain == 1)),
        begins_next.eq(Mux(accept, 1, Mux(steps.issue, steps.block, begins))),
        fresh_next.eq(Mux(accept, 1, Mux(steps.tile, panel_ends, fresh))),
    ]
    with m.If(~free):
        m.d.sync += drain.eq(drain - 1)
    with m.If(steps.tile & tile_stores):
        m.d.comb += free_next.eq(0)
        m.d.sync += drain.eq(drain_cycles - 1)
    critical_next = next_stores & last_block & begins_next
    m.d.sync += [
        panels.eq(panels_next), free.eq(free_next), begins.eq(begins_next), fresh.eq(fresh_next),
        critical.eq(critical_next),
        may.eq(~critical_next | (free_next & (~fresh_next | (panels_next != result_panels)))),
    ]  # fmt: skip
    return may
