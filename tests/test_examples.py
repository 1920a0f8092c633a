"""Examples that no page runs."""

import subprocess
import sys

import numpy as np
import onnx
import pytest
from rich.console import Console

from examples.digits import run as run_digits
from examples.export_networks import main as export_networks
from hbfp.cli import main as hbfp

pytest.importorskip("onnxscript")


def test_a_network_of_ones_own():
    done = subprocess.run([sys.executable, "-W", "ignore", "-m", "examples.my_network"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "linear bits equal: True" in done.stdout
    assert "node_conv2d: 6 bits" in done.stdout


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", ["gpt_block", "lstm"])
def test_exported_networks_have_equal_bits_on_golden_and_rtl(name, tmp_path, capsys):
    assert export_networks([name, "-o", str(tmp_path)]) == 0
    onnx.checker.check_model(str(tmp_path / f"{name}.onnx"))
    for device in ("golden", "rtl"):
        arguments = [f"{tmp_path}/{name}.onnx", "--input", f"{tmp_path}/{name}.npz", "--schedule", "booster"]
        assert hbfp(["run", *arguments, "--device", device, "-o", f"{tmp_path}/{device}.npz"]) == 0
    with np.load(tmp_path / "golden.npz") as golden, np.load(tmp_path / "rtl.npz") as rtl:
        assert golden.files
        for output in golden.files:
            assert np.array_equal(golden[output].view(np.uint32), rtl[output].view(np.uint32))


def test_the_demo_keeps_its_array_busy():
    (row,) = run_digits([4], Console(quiet=True))
    assert row["bits_equal"]
    assert row["utilisation"] > 0.6
