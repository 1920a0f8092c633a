"""A small network with everything that a program can hold: weights, a bias, products of two inputs, several commands."""

from pathlib import Path

import numpy as np

from hw.config import CoreConfig
from tests.sim.graphs.graphs import constant, model, node, save, tensor

MACHINE = CoreConfig(
    mantissa_widths=(4, 6), block_size=16, lanes=4, tile_rows=2, tile_columns=2, operand_depth=4,
    features=("packed", "bias"),
)  # fmt: skip
OPTIONS = ["--block", "16", "--tile", "2x2", "--lanes", "4", "--operand-depth", "4"]


def network(folder: Path) -> Path:
    """y = relu(x w + b) (x w + b)^T, of which the first product takes several commands, and the last has no weights."""
    rng = np.random.default_rng(0)
    nodes = [
        node("Gemm", ["x", "w", "b"], "h"), node("Relu", ["h"], "r"), node("Transpose", ["h"], "t", perm=[1, 0]),
        node("MatMul", ["r", "t"], "y"),
    ]  # fmt: skip
    constants = [constant("w", value=rng.normal(size=(40, 30))), constant("b", value=rng.normal(size=30))]
    return save(model(nodes, [tensor("x", "n", 40)], [tensor("y", "n", "n")], constants), folder)


def inputs() -> dict[str, np.ndarray]:
    return {"x": np.random.default_rng(1).normal(size=(9, 40)).astype(np.float32)}
