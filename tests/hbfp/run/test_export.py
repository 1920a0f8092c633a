"""Modules of PyTorch, straight from Python."""

import numpy as np
import pytest

import hbfp
from hw.config import CoreConfig
from sim.devices import GoldenDevice

torch = pytest.importorskip("torch")
pytest.importorskip("onnxscript")


@pytest.mark.filterwarnings("ignore")
def test_a_module_runs_by_way_of_its_export():
    torch.manual_seed(0)
    module = torch.nn.Sequential(
        torch.nn.Conv2d(2, 4, 3, padding=1), torch.nn.BatchNorm2d(4), torch.nn.ReLU(), torch.nn.Flatten(),
        torch.nn.Linear(100, 3),
    ).eval()  # fmt: skip
    x = np.random.default_rng(0).normal(size=(2, 2, 5, 5)).astype(np.float32)
    config = CoreConfig(mantissa_widths=(8,), block_size=16, tile_rows=2, tile_columns=2, features=("bias",))
    result = hbfp.run.run(module, {"x": x}, GoldenDevice(config), "all-8")
    (y,) = result.outputs.values()
    wanted = module(torch.from_numpy(x)).detach().numpy()
    assert [layer.operation for layer in result.layers] == ["Conv", "Gemm"]
    assert 20 * np.log10(np.linalg.norm(wanted) / np.linalg.norm(y - wanted)) > 30
