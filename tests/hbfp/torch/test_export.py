"""What leaves PyTorch has the same bits on the machine."""

import json

import numpy as np
import onnx
import pytest
import torch
from torch import nn

import golden
from hbfp.run import Network
from hbfp.torch import HBFP, Values, convert
from hbfp.torch.export import export_onnx, pack_weights, unpack_weights
from hw.config import CoreConfig
from sim.devices import GoldenDevice


@pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::DeprecationWarning", "ignore::UserWarning")
def test_a_trained_network_runs_from_its_file_with_equal_bits(tmp_path):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(2, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(16, 8), nn.Linear(8, 3))
    x = torch.randn(5, 2, 4, 4)
    run = convert(model, "booster", HBFP(block_size=16), epochs=2)
    expected = model.eval()(x).detach().numpy()
    widths = export_onnx(model, run, {"x": x}, tmp_path / "model.onnx")
    assert widths == {"node_conv2d": 6, "node_linear": 4, "node_linear_1": 6}
    assert np.array_equal(model(x).detach().numpy(), expected)
    metadata = {p.key: p.value for p in onnx.load(tmp_path / "model.onnx").metadata_props}
    assert json.loads(metadata["hbfp.widths"]) == widths
    device = GoldenDevice(CoreConfig(mantissa_widths=(4, 6), block_size=16, lanes=4, features=("bias",)))
    result = Network(tmp_path / "model.onnx").run({"x": x.numpy()}, device)
    assert np.array_equal(next(iter(result.outputs.values())), expected)


def test_packed_weights_take_4_125_bits_and_come_back():
    model = nn.Sequential(nn.Linear(128, 32), nn.Conv2d(64, 8, 3), nn.ConvTranspose2d(64, 4, 2))
    convert(model, 4)
    packed = pack_weights(model)
    assert list(packed) == ["0.weight", "1.weight", "2.weight"]
    for name, entry in packed.items():
        assert 8 * entry["data"].numel() / model.get_parameter(name).numel() == 4.125
    values = unpack_weights(packed)
    weight = model[1].weight.detach().numpy()
    blocks = golden.quantize(np.moveaxis(weight, 1, -1).reshape(8, -1), golden.BlockFormat())
    assert np.array_equal(np.moveaxis(values["1.weight"].numpy(), 1, -1).reshape(8, -1), golden.dequantize(blocks))
    along_inputs = golden.dequantize(golden.quantize(model[2].weight.detach().numpy(), golden.BlockFormat(), 0))
    assert np.array_equal(values["2.weight"].numpy(), along_inputs)


def test_rejects_to_pack_another_format():
    model = nn.Linear(4, 4)
    convert(model, 4, Values(name="mxfp4"))
    with pytest.raises(TypeError, match=r"^format must be HBFP to pack weights, not Values"):
        pack_weights(model)
