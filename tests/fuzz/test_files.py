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


def asking(kind: str) -> bytes:
    """A network of x (1, 8) that asks, besides its product, for a tensor of 2^40 elements or more."""
    node, whole, tensor = helper.make_node, TensorProto.INT64, helper.make_tensor
    constants = [
        tensor("shape", whole, [2], [2**20, 2**20]), tensor("one", whole, [1, 1], [1]), tensor("zero", whole, [], [0]),
        tensor("step", whole, [], [1]), tensor("end", whole, [], [2**40]), tensor("first", whole, [1], [0]),
        tensor("w", TensorProto.FLOAT, [8, 4], [1.0] * 32), tensor("filter", TensorProto.FLOAT, [1, 1, 1, 1], [1.0]),
        tensor("four", whole, [4], [1, 1, 2, 4]), tensor("yes", TensorProto.BOOL, [], [True]),
    ]
    late = [node("Cast", ["x"], ["i"], to=whole), node("ArgMax", ["i"], ["k"], axis=1, keepdims=0),
            node("Mul", ["k", "zero"], ["n"]), node("Add", ["n", "shape"], ["s"]),
            node("ConstantOfShape", ["s"], ["big"])]  # fmt: skip
    last = [node("ReduceMax", ["big"], ["top"], keepdims=0), node("Cast", ["top"], ["t"], to=TensorProto.FLOAT)]
    result = helper.make_tensor_value_info("t", TensorProto.FLOAT, [])
    inner = helper.make_graph([node("ConstantOfShape", ["shape"], ["big"]), *last], "inner", [], [result])
    far = {"pads": [2**30] * 4, "strides": [2**31 - 1] * 2}
    nodes = {
        "filled": [node("ConstantOfShape", ["shape"], ["big"], value=tensor("", whole, [1], [7])), *last],
        "expanded": [node("Expand", ["one", "shape"], ["big"]), *last],
        "tiled": [node("Tile", ["one", "shape"], ["big"]), *last],
        "range": [node("Range", ["zero", "end", "step"], ["big"]), *last],
        "late": [*late, *last],
        "inside": [node("If", ["yes"], ["t"], then_branch=inner, else_branch=inner)],
        "padded": [node("Reshape", ["x", "four"], ["q"]), node("Conv", ["q", "filter"], ["c"], **far),
                   node("ReduceSum", ["c"], ["t"], keepdims=0)],
    }[kind]  # fmt: skip
    product = [node("MatMul", ["x", "w"], ["p"], "layer"), node("Add", ["p", "t"], ["y"])]
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 8])
    return network([*nodes, *product], constants, [x])


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


def limited(words: list[str]) -> subprocess.CompletedProcess:
    """``hbfp`` with at most 12 GiB of addresses; its last line on standard error is the memory it had, in KiB."""
    code = (
        "import resource, sys; resource.setrlimit(resource.RLIMIT_AS, (12 << 30, 12 << 30)); from hbfp.cli import main; "
        "status = main(); print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, file=sys.stderr); sys.exit(status)"
    )
    return subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True, timeout=120,
                          env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin", "OMP_NUM_THREADS": "1"})  # fmt: skip


def test_weights_in_a_file_of_others_are_not_read():
    with folder_with({"net.onnx": outside()}):
        for words, statuses in ((["run", "net.onnx", "--random", "1"], (1, 2)), (["sim", "--workload", "net.onnx"], (0, 2))):
            done = limited(words)
            assert "root:" not in done.stdout + done.stderr
            assert done.returncode in statuses, done.stderr
            assert "Traceback" not in done.stderr, done.stderr


@pytest.mark.parametrize("kind", ["filled", "expanded", "tiled", "range", "late", "inside", "padded"])
def test_a_network_that_asks_for_a_terabyte_gets_an_error_and_no_memory(kind):
    """Counting it needs none."""
    with folder_with({"net.onnx": asking(kind)}):
        done = limited(["run", "net.onnx", "--random", "1"])
        said, had = done.stderr.splitlines()
        assert done.returncode == 2, said
        assert ("elements together" if kind not in ("late", "inside") else "at most 8 GiB") in said
        assert int(had) < 1 << 20
        done = limited(["sim", "--workload", "net.onnx"])
        assert done.returncode in (0, 2), done.stderr
        assert int(done.stderr.splitlines()[-1]) < 1 << 20
        assert len(done.stderr.splitlines()) == (2 if done.returncode else 1), done.stderr


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
