"""A network of your own, from PyTorch to the generated Verilog: the same bits as from the golden model."""

import numpy as np
import torch

import hbfp
from hw.config import CoreConfig
from sim.devices import GoldenDevice, RtlDevice

torch.manual_seed(0)
model = torch.nn.Sequential(
    torch.nn.Conv2d(3, 8, 3, padding=1), torch.nn.ReLU(), torch.nn.Flatten(), torch.nn.Linear(8 * 64, 10)
)
x = {"image": np.random.default_rng(0).standard_normal((1, 3, 8, 8), np.float32)}
machine = CoreConfig(mantissa_widths=(4, 6), tile_rows=2, tile_columns=2, features=("packed", "bias"))
on_golden, on_rtl = (hbfp.run.run(model, x, device(machine), "booster") for device in (GoldenDevice, RtlDevice))
for name, y in on_rtl.outputs.items():
    print(name, "bits equal:", np.array_equal(y.view(np.uint32), on_golden.outputs[name].view(np.uint32)))
for layer in on_rtl.layers:
    print(f"{layer.name}: {layer.width} bits, {layer.sqnr:.1f} dB, {layer.cycles} cycles")
