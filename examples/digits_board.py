"""The digits network on a board: on a serial port, or on the simulated board at a pseudo-terminal.

Classifies the first images of the test set with the products of both layers made at the other end of the line, and says
whether they agree with the golden model in every bit.
"""

import argparse
import contextlib
import sys

import numpy as np
from rich.console import Console
from rich.progress import Progress

import golden
from examples.digits import accuracy, classify, digits, train
from hw.board.boards import BOARDS
from sim.devices.driver import DriverError, RegisterDevice
from sim.devices.serial_board import SerialBoard
from sim.devices.serial_link import LinkError, SerialLink


def _on_device(images, layers, device: RegisterDevice):
    """Scores with nothing left to do on this side."""
    (w1, b1), (w2, b2) = layers
    return device.matmul(device.matmul(images, w1, bias=b1, relu=True), w2, bias=b2)


def run(link: SerialLink, images: int, console: Console) -> bool:
    """Classify; returns whether all bits agree with golden. Bias and ReLU are the core's if it has them."""
    x_train, x_test, y_train, y_test = digits()
    with Progress(console=console, transient=True) as progress:
        layers = train(x_train, y_train, progress)
        task = progress.add_task("commands of a layer", total=None)
        device = RegisterDevice(link, progress=lambda done, total: progress.update(task, completed=done, total=total))
        block = golden.BlockFormat(
            device.config.mantissa_widths[0], device.config.block_size, device.config.exponent_width
        )
        x, y = x_test[:images], y_test[:images]
        actual = (
            _on_device(x, layers, device) if "bias" in device.config.features else classify(x, layers, device.matmul)
        )
        wanted = classify(x, layers, lambda a, b: golden.matmul(a, b, block))
    equal = bool((actual.view(np.uint32) == wanted.view(np.uint32)).all())
    counters = device.counters
    console.print(
        f"{images} images over {link.port}: {100 * accuracy(actual, y):.1f} % correct, "
        f"{'equal to golden bit for bit' if equal else 'DIFFERENT from golden'}; {counters['completed']} commands, "
        f"array busy {counters['busy']} of {counters['cycles']} cycles; operands as {device.operands}, {link.traffic} bytes "
        f"on the line, {link.repeats} frames repeated"
    )
    return equal


def main(arguments=None) -> int:
    """Entry point; returns the exit status."""
    parser = argparse.ArgumentParser(prog="examples.digits_board", description=__doc__.splitlines()[0])
    parser.add_argument("--port", help="serial port of a board (default: a simulated board)")
    parser.add_argument("--baud", type=int, default=1_000_000, help="bits per second (default: 1000000)")
    parser.add_argument(
        "--board", choices=BOARDS, default="ice40_hx8k", help="machine to simulate (default: ice40_hx8k)"
    )
    parser.add_argument("--images", type=int, default=8, help="images to classify (default: 8)")
    options = parser.parse_args(arguments)
    console = Console()
    with contextlib.ExitStack() as stack:
        try:
            port = options.port
            if port is None:
                console.print("compiling the board's top …")
                port = stack.enter_context(SerialBoard(BOARDS[options.board].config)).port
            return 0 if run(SerialLink(port, options.baud), options.images, console) else 1
        except (LinkError, DriverError) as error:
            print(f"examples.digits_board: {error}", file=sys.stderr)
            return 2


if __name__ == "__main__":
    sys.exit(main())
