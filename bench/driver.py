"""What the driver gains by sending ahead and by packed operands: ``python -m bench driver [--json]``.

On AXI a product of 256x512 by 512x256 on 1024 multiply-accumulates per cycle, streams of 128 bits; on the serial line a layer
of 16x64 by 64x128, in bytes both ways.
"""

from functools import partial

import numpy as np

from bench import simulator
from bench.simulator import Figure
from hw.config import CoreConfig
from sim.devices.compiled_axi import CompiledAxi
from sim.devices.driver import RegisterDevice
from sim.devices.serial_board import SerialBoard
from sim.devices.serial_link import SerialLink

__all__ = ["measure", "show"]

AXI = CoreConfig(features=("packed",))
SERIAL = CoreConfig(
    dot=16, tile_rows=1, tile_columns=1, lanes=4, operand_depth=128, panel_columns=128, queue_depth=2,
    features=("packed", "requantize"),
)  # fmt: skip
SHAPE = 256, 512, 256
LAYER = 16, 64, 128


def _figure(name: str, unit: str, value: float) -> Figure:
    return Figure(name, value, unit, "", None)


def _matrices(rows: int, inner: int, columns: int):
    rng = np.random.default_rng(0)
    return rng.standard_normal((rows, inner), np.float32), rng.standard_normal((inner, columns), np.float32)


def _axi() -> list[Figure]:
    """Cycles of one product on the compiled core, one command at a time and with the driver's queue."""
    transport = CompiledAxi(AXI, 128)
    a, b = _matrices(*SHAPE)
    figures, cycles = [], {}
    for operands, depth in (("fp32", 1), ("fp32", None), ("packed", 1), ("packed", None)):
        device = RegisterDevice(transport, operands=operands, depth=depth)
        start = transport.cycles
        device.matmul(a, b)
        cycles[operands, depth] = transport.cycles - start
        figures.append(
            _figure(f"AXI: {operands} operands, {device.depth} commands under way", "cycles", transport.cycles - start)
        )
    for operands in ("fp32", "packed"):
        gain = cycles[operands, 1] / cycles[operands, None]
        figures.append(_figure(f"AXI: gain by sending ahead, {operands} operands", "x", gain))
    gain = cycles["fp32", None] / cycles["packed", None]
    return [*figures, _figure("AXI: gain by packed operands", "x", gain)]


def _serial() -> list[Figure]:
    """Bytes over the line of the simulated board, answers and checksums included."""
    a, b = _matrices(*LAYER)
    figures, traffic = [], []
    with SerialBoard(SERIAL) as board:
        for operands, output in (("fp32", "fp32"), ("packed", "fp32"), ("packed", "blocks")):
            link = SerialLink(board.port)
            device = RegisterDevice(link, operands=operands)
            start = link.traffic
            device.matmul(a, b, output=output)
            traffic.append(link.traffic - start)
            figures.append(_figure(f"serial line: {operands} operands, C in {output}", "bytes", traffic[-1]))
            link.close()
    gains = zip(("packed operands", "packed operands and C in blocks"), traffic[1:], strict=True)
    return [*figures, *(_figure(f"serial line: gain by {name}", "x", traffic[0] / bytes_) for name, bytes_ in gains)]


def measure() -> list[Figure]:
    """All figures."""
    return _axi() + _serial()


show = partial(simulator.show, title="driver: cycles of the compiled core, bytes on the simulated line")
