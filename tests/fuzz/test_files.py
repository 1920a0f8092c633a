"""Files that are broken, hostile or without end: an error in one line, in bounded memory and time."""

import io
import random
import subprocess
import sys
import zipfile
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import TensorProto, helper

from hw.config import CoreConfig
from tests.fuzz.attempt import attempt, folder_with, judge
from tests.fuzz.budget import fuzzing
from tests.fuzz.files import GOOD, array, arrays, network
from tests.fuzz.mutations import mutated
from tests.fuzz.programs import PROGRAMS

ROOT = Path(__file__).parents[2]
COMMANDS = {
    "net.onnx": ["sim.cli --workload net.onnx", "hbfp.run.cli net.onnx --random 1"],
    "net.hbfp": ["hbfp.run.cli net.hbfp --random 1", "hbfp.program.disassemble net.hbfp"],
    "net.csv": ["sim.cli --workload net.csv"],
    "report.json": ["sim.cli --compare report.json report.json"],
    "widths.json": ["hbfp.run.cli net.onnx --random 1 --widths widths.json"],
    "x.npz": ["hbfp.run.cli net.onnx --input x.npz"],
    "labels.npy": ["hbfp.run.cli net.onnx --random 1 --labels labels.npy"],
    "machine.json": ["hw.board.cli ulx3s --dry-run --config machine.json"],
    "rows.json": ["synth.__main__ report --from rows.json"],
}
"""What reads each file."""
KNOWN = {*COMMANDS, "net", "input", "labels", "width", "mantissa", "tile", "mesh", "config", "parameter"}
KNOWN |= {field.name for field in fields(CoreConfig)}


def run(name: str, content: bytes) -> set[int]:
    """Give a file to the programs that read it; their statuses, after what must hold held."""
    statuses = set()
    for command in COMMANDS[name]:
        module, *arguments = command.split()
        outcome = attempt(PROGRAMS[module].main, arguments, GOOD() | {name: content})
        judge(outcome, arguments, KNOWN | set(PROGRAMS[module].words))
        statuses.add(outcome.status)
    return statuses


def bomb() -> bytes:
    """A few kilobytes that say that they are 2^40 numbers."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        header = io.BytesIO()
        np.lib.format.write_array_header_1_0(header, {"descr": "<f4", "fortran_order": False, "shape": (2**37, 8)})
        archive.writestr("x.npy", header.getvalue() + bytes(1000))
    return file.getvalue()


def outside() -> bytes:
    """Weights in a file that is none of the network's."""
    tensor = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[8, 4], data_location=TensorProto.EXTERNAL)
    tensor.external_data.add(key="location", value="../../../../../../etc/passwd")
    return network(initializers=[tensor])


def huge() -> bytes:
    """A constant of 2^62 elements, made from a shape."""
    shape = helper.make_tensor("shape", TensorProto.INT64, [2], [2**31 - 1, 2**31 - 1])
    nodes = [helper.make_node("ConstantOfShape", ["shape"], ["w"]), helper.make_node("MatMul", ["x", "w"], ["y"], "layer")]
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 2**31 - 1])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 2**31 - 1])
    return network(nodes, [shape], [x], [y])


HOSTILE = [
    ("x.npz", bomb()), ("x.npz", arrays(x=np.array([object()], object))), ("x.npz", arrays(x=np.ones((2, 8)))),
    ("labels.npy", array(np.array([[0]]))), ("labels.npy", array(np.array([1.5]))), ("widths.json", b'{"layer": -4}'),
    ("report.json", b"[" * 100_000), ("rows.json", b'{"rows": 1e400}'), ("rows.json", b"9" * 5000),
    ("net.csv", b"Layer,M,N,K\na," + b"9" * 400 + b",1,1\n"), ("net.csv", b"Layer,M,N,K\n" + b"a" * 200_000 + b",1,1,1\n"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "content"), HOSTILE)
def test_hostile_files_are_refused(name, content):
    assert run(name, content) == {2}


@pytest.mark.usefixtures("light")
@pytest.mark.parametrize("name", COMMANDS)
def test_files_with_mistakes(name):
    good = GOOD()[name]
    assert run(name, good) == {0}

    @fuzzing(0.7)
    @given(st.integers(0, 2**32))
    def every_file(seed):
        run(name, mutated(name, good, random.Random(seed)))

    every_file()


@pytest.mark.parametrize("content", [outside(), huge()], ids=["outside", "huge"])
def test_a_hostile_network_neither_reads_other_files_nor_takes_memory(content):
    limit = "import resource, sys; resource.setrlimit(resource.RLIMIT_AS, (6 << 30, 6 << 30))"
    code = f"{limit}; from hbfp.cli import main; sys.exit(main())"
    with folder_with({"net.onnx": content}):
        for words in (["run", "net.onnx", "--random", "1"], ["sim", "--workload", "net.onnx"]):
            done = subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True, timeout=120,
                                  env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin", "OMP_NUM_THREADS": "1"})  # fmt: skip
            assert "root:" not in done.stdout + done.stderr
            assert done.returncode in ((1, 2) if words[0] == "run" else (0, 1, 2)), done.stderr
            assert "Traceback" not in done.stderr, done.stderr


@pytest.mark.parametrize(
    ("words", "status"),
    [(["sim", "--workload", "resnet20", "--json"], 1), (["--help"], 1), (["sim", "--help"], 1),
     (["sim", "--workload", "resnet20", "--json", "/dev/full"], 2)],
)  # fmt: skip
def test_a_full_standard_output_is_told_in_one_line(words, status):
    with open("/dev/full", "w") as full:
        done = subprocess.run([sys.executable, "-m", "hbfp", *words], stdout=full, stderr=subprocess.PIPE, text=True, cwd=ROOT)
    assert done.returncode == status, done.stderr
    assert len(done.stderr.splitlines()) == 1, done.stderr
