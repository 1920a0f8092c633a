"""A multilayer perceptron for handwritten digits, its layers run through the generated RTL in simulation.

Trains 64-128-10 units in float32, then classifies the test set three times per format: in float32, in the golden model and on the
compiled Verilog, and says whether the last two agree in every bit.
"""

import argparse
import json
import sys

import numpy as np
from rich.console import Console
from rich.progress import Progress
from rich.table import Table
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

import golden
from hw.config import CoreConfig
from sim.devices import RtlDevice

HIDDEN = 128
EPOCHS = 30
BATCH = 64
MACHINE = {"dot": 8, "tile_rows": 1, "tile_columns": 16}
"""A row of 16 units with 8 products each: layers this small keep such an array busy, a larger one waits for its streams."""


def digits():
    """Training and test images (float32 in 0 … 1, shape (n, 64)) with their labels, always the same split."""
    images, labels = load_digits(return_X_y=True)
    images = (images / 16).astype(np.float32)
    return train_test_split(images, labels, test_size=0.25, random_state=1, stratify=labels)


def train(images, labels, progress) -> list[tuple[np.ndarray, np.ndarray]]:
    """Weights and biases of the two layers after float32 training with momentum."""
    rng = np.random.default_rng(1)
    sizes = [(images.shape[1], HIDDEN), (HIDDEN, 10)]
    layers = [(rng.normal(0, np.sqrt(2 / n), (n, m)).astype(np.float32), np.zeros(m, np.float32)) for n, m in sizes]
    speed = [[np.zeros_like(p) for p in layer] for layer in layers]
    targets = np.eye(10, dtype=np.float32)[labels]
    for _ in progress.track(range(EPOCHS), description="training in float32"):
        order = rng.permutation(len(images))
        for start in range(0, len(order), BATCH):
            batch = order[start : start + BATCH]
            x = images[batch]
            hidden = np.maximum(x @ layers[0][0] + layers[0][1], 0)
            scores = hidden @ layers[1][0] + layers[1][1]
            chances = np.exp(scores - scores.max(1, keepdims=True))
            error = (chances / chances.sum(1, keepdims=True) - targets[batch]) / len(batch)
            back = (error @ layers[1][0].T) * (hidden > 0)
            for layer, v, (inputs, e) in zip(layers, speed, ((x, back), (hidden, error)), strict=True):
                for parameter, velocity, gradient in zip(layer, v, (inputs.T @ e, e.sum(0)), strict=True):
                    velocity *= np.float32(0.9)
                    velocity -= np.float32(0.1) * gradient.astype(np.float32)
                    parameter += velocity
    return layers


def classify(images, layers, product):
    """Scores of the images with ``product`` for the two matrix products; all else in float32."""
    (w1, b1), (w2, b2) = layers
    return product(np.maximum(product(images, w1) + b1, 0), w2) + b2


def accuracy(scores, labels) -> float:
    return float((scores.argmax(1) == labels).mean())


def run(widths, console, images=None) -> list[dict]:
    """One row per format. ``images`` limits the test set."""
    x_train, x_test, y_train, y_test = digits()
    x_test, y_test = x_test[:images], y_test[:images]
    rows = []
    with Progress(console=console, transient=True) as progress:
        layers = train(x_train, y_train, progress)
        reference = accuracy(classify(x_test, layers, np.matmul), y_test)
        task = progress.add_task("", total=2 * len(widths))
        for width in widths:
            block_format = golden.BlockFormat(mantissa_width=width)
            progress.update(task, description=f"HBFP{width}: compiling the generated Verilog")
            device = RtlDevice(CoreConfig(mantissa_widths=(width,), **MACHINE))
            progress.update(task, advance=1, description=f"HBFP{width}: simulating")
            expected = classify(x_test, layers, lambda a, b, f=block_format: golden.matmul(a, b, f))
            actual = classify(x_test, layers, device.matmul)
            progress.update(task, advance=1)
            counters = device.counters
            rows.append(
                {
                    "format": f"HBFP{width}/{block_format.block_size}",
                    "fp32_accuracy": reference,
                    "golden_accuracy": accuracy(expected, y_test),
                    "rtl_accuracy": accuracy(actual, y_test),
                    "bits_equal": bool(np.array_equal(expected.view(np.uint32), actual.view(np.uint32))),
                    "cycles": counters["cycles"],
                    "utilisation": counters["busy"] / counters["cycles"],
                    "saturated": counters["saturated"],
                }
            )
    return rows


def main(arguments=None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--widths", type=int, nargs="+", default=[4, 6, 8], help="mantissa widths (default: 4 6 8)")
    parser.add_argument("--images", type=int, help="how many test images (default: all)")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    options = parser.parse_args(arguments)
    rows = run(options.widths, Console(stderr=True), options.images)
    if options.json:
        print(json.dumps(rows, indent=2))
    else:
        table = Table(title="Handwritten digits, test set")
        for name in ("format", "FP32", "golden", "RTL", "bits", "cycles", "array busy", "saturated"):
            table.add_column(name, justify="left" if name == "format" else "right")
        for row in rows:
            table.add_row(
                row["format"], f"{row['fp32_accuracy']:.2%}", f"{row['golden_accuracy']:.2%}", f"{row['rtl_accuracy']:.2%}",
                "equal" if row["bits_equal"] else "DIFFERENT", f"{row['cycles']:,}", f"{row['utilisation']:.1%}",
                f"{row['saturated']:,}",
            )  # fmt: skip
        Console().print(table)
        print("RTL and golden agree in every bit." if all(r["bits_equal"] for r in rows) else "RTL and golden DIFFER.")
    return 0 if all(row["bits_equal"] for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
