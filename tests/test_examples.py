"""Examples that no page runs."""

import numpy as np
import onnx
import pytest
from rich.console import Console

from examples.digits import run as run_digits
from examples.export_networks import main as export_networks
from hbfp.cli import main as hbfp

pytest.importorskip("onnxscript")


@pytest.mark.filterwarnings("ignore")
def test_an_exported_network_has_equal_bits_on_golden_and_rtl(tmp_path, capsys):
    name = "gpt_block"
    assert export_networks([name, "-o", str(tmp_path)]) == 0
    onnx.checker.check_model(str(tmp_path / f"{name}.onnx"))
    for device in ("golden", "rtl"):
        arguments = [f"{tmp_path}/{name}.onnx", "--input", f"{tmp_path}/{name}.npz", "--schedule", "booster", "--tile", "2x2"]
        assert hbfp(["run", *arguments, "--device", device, "-o", f"{tmp_path}/{device}.npz"]) == 0
    with np.load(tmp_path / "golden.npz") as golden, np.load(tmp_path / "rtl.npz") as rtl:
        assert golden.files
        for output in golden.files:
            assert np.array_equal(golden[output].view(np.uint32), rtl[output].view(np.uint32))


def test_the_demo_keeps_its_array_busy():
    (row,) = run_digits([4], Console(quiet=True))
    assert row["bits_equal"]
    assert row["utilisation"] > 0.6
