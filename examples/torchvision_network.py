"""A network of torchvision, from PyTorch to the generated Verilog: ``python -m examples.torchvision_network [NAME]``."""

import sys

import numpy as np
import torch

import hbfp
from hw.config import CoreConfig
from sim.devices import GoldenDevice, RtlDevice

try:
    import torchvision
except (ImportError, RuntimeError) as error:  # a build for another PyTorch lacks its operators
    sys.exit(f"torchvision, of the same build as torch {torch.__version__}, must be installed: {error}")

torch.manual_seed(0)
model = getattr(torchvision.models, sys.argv[1] if len(sys.argv) > 1 else "resnet18")()
x = {"image": np.random.default_rng(0).standard_normal((1, 3, 64, 64), np.float32)}
machine = CoreConfig(mantissa_widths=(4, 6), tile_rows=4, tile_columns=4, features=("packed", "bias"))
on_golden, on_rtl = (hbfp.run.run(model, x, device(machine), "booster") for device in (GoldenDevice, RtlDevice))
for name, y in on_rtl.outputs.items():
    print(name, "bits equal:", np.array_equal(y.view(np.uint32), on_golden.outputs[name].view(np.uint32)))
print(f"{len(on_rtl.layers)} layers with products, {on_rtl.cycles:,} cycles")
