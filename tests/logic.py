"""Pieces of logic, alone in a module, on many inputs."""

from collections.abc import Callable, Iterable

from amaranth.hdl import Module, Signal, Value
from amaranth.sim import Simulator

__all__ = ["component_outputs", "cycles", "outputs"]


def cycles(shapes: dict, logic: Callable, vectors: Iterable[dict[str, int]]) -> list[tuple]:
    """As ``outputs``, of logic with registers: a vector for each clock cycle, outputs as of its end."""
    return outputs(shapes, logic, vectors, clocked=True)


def outputs(shapes: dict, logic: Callable, vectors: Iterable[dict[str, int]], clocked: bool = False) -> list:
    """What ``logic(m, **signals)``, a value or a tuple of values, gives for each of ``vectors``.

    ``shapes`` are those of the signals, by name; numbers are given and returned as bits, signed ones as numbers.
    """
    m = Module()
    signals = {name: Signal(shape, name=name) for name, shape in shapes.items()}
    made = logic(m, **signals)
    values = made if isinstance(made, tuple) else (made,)
    shown = [Signal(Value.cast(value).shape(), name=f"shown_{i}") for i, value in enumerate(values)]
    m.d.comb += [signal.eq(Value.cast(value)) for signal, value in zip(shown, values, strict=True)]
    if clocked:
        m.d.sync += Signal(name="ticking").eq(1)  # logic without registers has the clock all the same
    found = _run(m, {name: Value.cast(signal) for name, signal in signals.items()}, shown, vectors, clocked)
    return found if isinstance(made, tuple) else [result for (result,) in found]


def component_outputs(component, names: tuple[str, ...], vectors: Iterable[dict[str, int]]) -> list[tuple]:
    """What the ports ``names`` of a combinational component give for each of ``vectors``, as bits."""
    inputs = [name for name in component.signature.members if name not in names]
    ports = {name: Value.cast(getattr(component, name)) for name in inputs}
    return _run(component, ports, [Value.cast(getattr(component, name)) for name in names], vectors)


def _run(design, inputs: dict[str, Value], shown: list[Value], vectors, clocked: bool = False) -> list[tuple]:
    found = []

    async def bench(ctx):
        for vector in vectors:
            for name, bits in vector.items():
                ctx.set(inputs[name], bits)
            await ctx.delay(1e-9)
            found.append(tuple(ctx.get(value) for value in shown))
            if clocked:
                await ctx.tick()

    simulator = Simulator(design)
    if clocked:
        simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run()
    return found
