"""Networks of ``examples.networks`` as ONNX files, each with inputs, for ``hbfp run``.

    python -m examples.export_networks resnet18 -o build/networks
    hbfp run build/networks/resnet18.onnx --input build/networks/resnet18.npz --device rtl
"""

import argparse
import sys
from pathlib import Path

import numpy as np
import torch

from examples.networks import NETWORKS
from hbfp.run.export import export

__all__ = ["main"]


def write(name: str, folder: Path, seed: int) -> Path:
    """Write ``name.onnx`` and ``name.npz``; returns the first."""
    make, shapes = NETWORKS[name]
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    inputs = {key: rng.standard_normal(shape, np.float32) for key, shape in shapes.items()}
    folder.mkdir(parents=True, exist_ok=True)
    export(make(), inputs, folder / f"{name}.onnx")
    np.savez(folder / f"{name}.npz", **inputs)
    return folder / f"{name}.onnx"


def main(arguments=None) -> int:
    """Entry point; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m examples.export_networks", description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", default=list(NETWORKS), metavar="NETWORK", help=f"of {', '.join(NETWORKS)}")
    parser.add_argument("-o", "--output", type=Path, default=Path("build/networks"), help="folder (default build/networks)")
    parser.add_argument("--seed", type=int, default=0, help="of weights and inputs (default 0)")
    options = parser.parse_args(arguments)
    for name in options.names:
        if name not in NETWORKS:
            parser.error(f"network must be one of {', '.join(NETWORKS)}, not {name}")
        print(f"wrote {write(name, options.output, options.seed)}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
