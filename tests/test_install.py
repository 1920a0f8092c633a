"""The wheel, installed by itself in another folder: every command's main use works without the checkout."""

import os
import shutil
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper, save

ROOT = Path(__file__).parents[1]
COMMANDS = {
    "version": ("--version", "hbfp "),
    "generate": ("generate --block 16 --tile 1x1 -o made/core.v", "wrote made/core.v"),
    "bus": ("bus --block 16 --dot 4 --tile 1x1 --operand-depth 32 --bus-width 64 -o axi.v", "axi.v"),
    "board": ("board ice40_hx8k --dry-run", "iCE40HX8K"),
    "sim": ("sim --workload resnet20 --mesh 2x2", "resnet20, inference"),
    "run": ("run net.onnx --random 1 --device golden", "1 layers, 128 MAC"),
    "completion": ("completion bash", "_hbfp"),
    "synth": ("synth density --formats hbfp4/16 --accounting formula", "hbfp4/16"),
}
"""Arguments of a command, and what its output holds."""


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with an environment that has the wheel, and what it depends on from the environment of the tests."""
    folder = tmp_path_factory.mktemp("install")
    for name in ("golden", "hbfp", "hw", "sim", "synth"):
        shutil.copytree(ROOT / name, folder / "source" / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, folder / "source")
    build = ["pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "-w", folder, folder / "source"]
    subprocess.run([sys.executable, "-m", *build], check=True, cwd=folder)
    (wheel,) = folder.glob("hbfp-*.whl")
    venv.create(folder / "venv", with_pip=False)
    site = Path(sysconfig.get_path("purelib", vars={"base": str(folder / "venv")}))
    with zipfile.ZipFile(wheel) as file:
        file.extractall(site)
    (site / "tests_environment.pth").write_text(sysconfig.get_path("purelib") + "\n")
    w = numpy_helper.from_array(np.ones((8, 4), np.float32), "w")
    x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in (("x", [4, 8]), ("y", [4, 4])))
    graph = helper.make_graph([helper.make_node("MatMul", ["x", "w"], ["y"], name="fc")], "net", [x], [y], [w])
    save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=10), folder / "net.onnx")
    return folder


@pytest.mark.parametrize("name", COMMANDS)
def test_command_works(name, place):
    arguments, text = COMMANDS[name]
    environment = {key: value for key, value in os.environ.items() if key not in ("PYTHONPATH", "VIRTUAL_ENV")}
    python = place / "venv" / "bin" / "python"


    def run(*command):
        return subprocess.run([python, *command], cwd=place, env=environment, capture_output=True, text=True)

    assert run("-c", "import hbfp; print(hbfp.__file__)").stdout.startswith(str(place / "venv"))
    done = run("-m", "hbfp", *arguments.split())
    assert done.returncode == 0, done.stderr
    assert text in done.stdout


def test_the_wheel_has_what_is_not_python(place):
    with zipfile.ZipFile(next(place.glob("hbfp-*.whl"))) as wheel:
        names = wheel.namelist()
    for name in ("sim/rtl/core.cpp", "sim/devices/axi_port.cpp", "synth/mapping/reference.lib", "golden/py.typed"):
        assert name in names
    assert any(name.endswith("entry_points.txt") for name in names)
    assert not [name for name in names if name.startswith(("tests/", "docs/", "bench/"))]
