"""Programs: what is compiled runs with the same bits, from its file, on every device."""

import json
import zipfile

import numpy as np
import onnx
import pytest

from hbfp.cli import main
from hbfp.program import compile_network, disassemble, read_program, write_program
from hbfp.program.execute import check_machine, opened
from hbfp.run import Network
from hw.command import pack_command, unpack_command
from hw.config import CoreConfig
from sim.devices import CycleDevice, GoldenDevice, RtlDevice
from tests.hbfp.program.networks import MACHINE, OPTIONS, inputs, network
from tests.sim.graphs.graphs import constant, model, node, save, tensor
from tests.sim.machines import MACHINES
from tests.sim.messages import rejects


@pytest.fixture(scope="module")
def program(tmp_path_factory):
    folder = tmp_path_factory.mktemp("program")
    path = folder / "net.hbfp"
    write_program(compile_network(Network(network(folder), batch=9), MACHINE, "booster"), path)
    return path


def run(path, device):
    with opened(read_program(path)) as (net, widths, commands):
        return net.run(inputs(), device, widths, compare=False, commands=commands)


def test_a_file_says_what_was_compiled(program):
    read = read_program(program)
    assert read.machine == MACHINE
    assert [(layer.operation, layer.width, len(layer.products)) for layer in read.layers] == [("Gemm", 6, 1), ("MatMul", 6, 1)]
    first, last = (layer.products[0] for layer in read.layers)
    assert (first.sizes, first.bias, last.sizes, last.bias) == ((9, 40, 30), True, (9, 30, 9), False)
    assert len(first.weights) == 30 * 3 * (8 + 16 * 6) // 8
    assert last.weights is None
    assert len(first.jobs) > 1


@pytest.mark.parametrize("kind", [GoldenDevice, CycleDevice, RtlDevice])
def test_bits_and_cycles_are_those_of_the_network(program, tmp_path, kind):
    options = {} if kind is GoldenDevice else {"operands": "packed"}
    options |= {"quick": True} if kind is RtlDevice else {}
    got = run(program, kind(MACHINE, **options))
    wanted = Network(network(tmp_path), batch=9).run(inputs(), kind(MACHINE, **options), "booster")
    assert np.array_equal(got.outputs["y"].view(np.uint32), wanted.outputs["y"].view(np.uint32))
    assert got.cycles == wanted.cycles
    lost = [[layer.flushed for layer in result.layers] for result in (got, wanted)]
    assert lost[0][0] < lost[1][0], "what weights lost was lost when they were compiled"
    assert lost[0][1] == lost[1][1]


def test_the_commands_are_those_of_the_file(program, tmp_path):
    """Not of a plan made anew: with all of B loaded again for each command, the bits are the same and the cycles more."""
    read = read_program(program)
    product = read.layers[0].products[0]
    jobs = tuple(type(job)(job.fields | {"load_a": 1, "load_b": 1}, job.rows, job.inner, job.columns) for job in product.jobs)
    assert jobs != product.jobs
    changed = type(product)(product.sizes, product.bias, jobs, product.weights)
    layers = (type(read.layers[0])(*[getattr(read.layers[0], x) for x in ("name", "operation", "width")], (changed,)),
              read.layers[1])  # fmt: skip
    write_program(type(read)(read.machine, read.network, read.operands, layers, read.model), tmp_path / "again.hbfp")
    before, after = (run(path, CycleDevice(MACHINE, operands="packed")) for path in (program, tmp_path / "again.hbfp"))
    assert np.array_equal(before.outputs["y"], after.outputs["y"])
    assert after.cycles > before.cycles


def test_weights_are_those_of_the_file(program, tmp_path):
    read = read_program(program)
    layer, product = read.layers[0], read.layers[0].products[0]
    changed = type(product)(product.sizes, product.bias, product.jobs, bytes(len(product.weights)))
    layers = (type(layer)(layer.name, layer.operation, layer.width, (changed,)), read.layers[1])
    write_program(type(read)(read.machine, read.network, read.operands, layers, read.model), tmp_path / "zero.hbfp")
    outputs = run(tmp_path / "zero.hbfp", GoldenDevice(MACHINE)).outputs["y"]
    assert len(np.unique(outputs)) == 1, "rows of the bias alone"


def test_weights_in_blocks_are_nowhere_in_fp32(program, tmp_path):
    """A bias is; and so is a weight that is looked up beside being multiplied, or whose operands go in FP32."""
    kept = onnx.ModelProto.FromString(read_program(program).model).graph
    assert [tensor.name for tensor in kept.initializer] == ["b"]
    assert [(tensor.values.name, list(tensor.dims), len(tensor.values.float_data)) for tensor in kept.sparse_initializer] == [
        ("w", [40, 30], 0)
    ]
    plain = compile_network(Network(network(tmp_path), batch=9), MACHINE, "booster", operands="fp32")
    assert len(onnx.ModelProto.FromString(plain.model).graph.initializer) == 2
    nodes = [node("Transpose", ["w"], "t", perm=[1, 0]), node("MatMul", ["x", "t"], "h"), node("MatMul", ["h", "v"], "i"),
             node("Add", ["i", "v"], "y")]  # fmt: skip
    made = model(nodes, [tensor("x", 4, 4)], [tensor("y", 4, 4)], [constant("w", 4, 4), constant("v", 4, 4)])
    both = compile_network(Network(save(made, tmp_path)), MACHINE)
    assert [tensor.name for tensor in onnx.ModelProto.FromString(both.model).graph.initializer] == ["v"]


def test_a_file_of_version_1_is_read(program, tmp_path):
    """Its graph had all weights."""
    whole = network(tmp_path).read_bytes()

    def older(header, members):
        header["version"], members["network.onnx"] = 1, whole

    net = read_program(changed(program, tmp_path / "old.hbfp", older))
    with opened(net) as (_, widths, commands):
        outputs = Network(tmp_path / "net.onnx", batch=9).run(inputs(), GoldenDevice(MACHINE), widths, commands=commands).outputs
    assert np.array_equal(outputs["y"], run(program, GoldenDevice(MACHINE)).outputs["y"])


MAPS = MACHINES["maps"]
KERNEL = {"strides": [1, 1], "pads": [1, 1, 1, 1]}


@pytest.fixture(scope="module")
def walk(tmp_path_factory):
    """A program whose first convolution is walked in bands, and whose second, of one tap, is a product of matrices."""
    rng, folder = np.random.default_rng(3), tmp_path_factory.mktemp("walk")
    nodes = [node("Conv", ["x", "w", "b"], "h", **KERNEL), node("Relu", ["h"], "r"), node("Conv", ["r", "v"], "y")]
    constants = [constant(name, value=rng.normal(size=shape)) for name, shape in
                 (("w", (20, 18, 3, 3)), ("b", (20,)), ("v", (4, 20, 1, 1)))]  # fmt: skip
    path = save(model(nodes, [tensor("x", 2, 18, 7, 5)], [tensor("y", 2, 4, 7, 5)], constants), folder)
    x = {"x": rng.normal(size=(2, 18, 7, 5)).astype(np.float32)}
    write_program(compile_network(Network(path), MAPS, "all-6"), folder / "net.hbfp")
    return path, folder / "net.hbfp", x


def test_a_convolution_goes_as_its_map(walk):
    """With the bits and cycles of every device and of the network itself, and B in whole blocks of channels for each tap."""
    path, file, x = walk
    results = []
    for kind in (GoldenDevice, CycleDevice, RtlDevice):
        options = {} if kind is GoldenDevice else {"operands": "packed"} | ({"quick": True} if kind is RtlDevice else {})
        with opened(read_program(file)) as (net, widths, commands):
            results.append(net.run(x, kind(MAPS, **options), widths, compare=False, commands=commands))
        results.append(Network(path).run(x, kind(MAPS, **options), "all-6", compare=False))
    assert len({result.outputs["y"].tobytes() for result in results}) == 1
    assert len({result.cycles for result in results[2:]}) == 1
    assert {tuple(layer.walked for layer in result.layers) for result in results} == {(True, False)}
    assert {result.layers[0].macs for result in results} == {70 * 162 * 20}
    first, last = (layer.products[0] for layer in read_program(file).layers)
    assert first.sizes == (70, 9 * 32, 20)
    assert len(first.weights) == 20 * 9 * 2 * (8 + 16 * 6) // 8
    assert len(first.jobs) > 1
    assert last.sizes == (70, 20, 4)
    said = next(line for line in disassemble(read_program(file)) if "multiply" in line)
    assert "load packed A[0:10, 0:288] of 3x3 taps over 15 positions of 18 channels in 6 bits" in said


@pytest.mark.parametrize("change", [{"pad_rows": 0}, {"map_rows": 1}, {"out_rows": 1}, {"patches": 0}, {"map_columns": 0}])
def test_a_command_that_walks_another_map_is_refused(walk, tmp_path, change):
    _, file, x = walk
    path = changed(file, tmp_path / "net.hbfp", lambda header, members: _command(header, **change))
    with opened(read_program(path)) as (net, widths, commands), pytest.raises(ValueError, match="must"):
        net.run(x, GoldenDevice(MAPS), widths, compare=False, commands=commands)


def test_same_network_same_file(program, tmp_path):
    write_program(compile_network(Network(network(tmp_path), batch=9), MACHINE, "booster"), tmp_path / "again.hbfp")
    assert (tmp_path / "again.hbfp").read_bytes() == program.read_bytes()


def test_disassembled(program):
    lines = list(disassemble(read_program(program)))
    assert lines[0] == f"program of net.onnx for {MACHINE.name}, operands packed"
    assert lines[2] == "Gemm_h: Gemm, 6 bits"
    assert lines[3] == "  product 0: C (9 x 30) = A (9 x 40) B (40 x 30) + bias, B of 1,170 bytes in the file"
    word, said = lines[4].split("  ")[2:]
    first = read_program(program).layers[0].products[0].jobs[0]
    assert unpack_command(int(word, 16)) == first.fields | dict.fromkeys(("seed_a", "seed_b", "seed_c"), 0)
    assert said.startswith("load packed A[0:2, 0:40] in 6 bits, load packed B[0:40, 0:2] in 6 bits, multiply, add bias, store ")


def test_as_typed(tmp_path, monkeypatch, capsys):
    network(tmp_path)
    np.savez(tmp_path / "x.npz", **inputs())
    monkeypatch.chdir(tmp_path)
    assert main(["compile", "net.onnx", "--batch", "9", "--schedule", "booster", *OPTIONS]) == 0
    assert capsys.readouterr().out.startswith("wrote net.hbfp: 2 layers, 2 products, ")
    assert main(["disassemble", "net.hbfp"]) == 0
    assert "Gemm_h: Gemm, 6 bits" in capsys.readouterr().out
    assert main(["run", "net.hbfp", "--input", "x.npz", "--device", "cycle", "-o", "y.npz", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert main(["run", "net.onnx", "--batch", "9", "--schedule", "booster", *OPTIONS, "--input", "x.npz", "--device", "cycle",
                 "-o", "z.npz", "--json"]) == 0  # fmt: skip
    assert report["cycles"] == json.loads(capsys.readouterr().out)["cycles"]
    with np.load("y.npz") as y, np.load("z.npz") as z:
        assert np.array_equal(y["y"].view(np.uint32), z["y"].view(np.uint32))


@pytest.mark.parametrize("options", [["--schedule", "booster"], ["--tile", "2x2"], ["--batch", "9"], ["--device", "fp32"]])
def test_a_program_brings_its_own(program, options, capsys):
    assert main(["run", str(program), "--random", "1", *options]) == 2
    assert "must not be given with a program, which was compiled for its own" in capsys.readouterr().err


def test_only_machines_alike():
    check_machine(MACHINE, CoreConfig.from_dict(MACHINE.to_dict() | {"features": ["packed", "bfloat16", "bias"]}))
    with rejects(ValueError, "operand_depth must be 4, for which the program was compiled, not 8"):
        check_machine(MACHINE, CoreConfig.from_dict(MACHINE.to_dict() | {"operand_depth": 8}))
    with rejects(ValueError, "mantissa_widths must include 6, for which the program was compiled"):
        check_machine(MACHINE, CoreConfig.from_dict(MACHINE.to_dict() | {"mantissa_widths": [4]}))


def changed(program, path, change):
    """The program with another header, or other members."""
    with zipfile.ZipFile(program) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    header = json.loads(members["program.json"])
    change(header, members)
    members["program.json"] = json.dumps(header).encode()
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            if content is not None:
                archive.writestr(name, content)
    return path


def _command(values, **fields):
    word = values["layers"][0]["products"][0]["commands"][0]
    word[0] = hex(pack_command(**unpack_command(int(word[0], 16)) | fields))


BROKEN = {
    "program.json must be of format hbfp-program, version 1, 2 or 3": lambda header, members: header.update(version=4),
    "'machine' is missing": lambda header, members: header.pop("machine"),
    "block_size must be between 1 and 1024, not 0": lambda header, members: header["machine"].update(block_size=0, dot=None),
    "operands must be packed or fp32, not int8": lambda header, members: header.update(operands="int8"),
    "layer Gemm_h, product 0: a command goes beyond 9 x 40 x 30": lambda header, members: _command(header, rows=99),
    "layer Gemm_h, product 0: its commands must make all of 9 x 40 x 30": lambda header, members: _command(header, rows=1),
    "layer Gemm_h, product 0: weights must have 1170 bytes, not 3": lambda header, members: members.update(
        {"weights/0.0.bin": b"abc"}
    ),
    "\"There is no item named 'network.onnx' in the archive\" is missing": lambda header, members: members.update(
        {"network.onnx": None}
    ),
}


@pytest.mark.parametrize("message", BROKEN)
def test_broken_files_are_told(program, tmp_path, message, capsys):
    path = changed(program, tmp_path / "net.hbfp", BROKEN[message])
    with rejects(ValueError, f"net.hbfp is not a program of hbfp compile: {message}"):
        read_program(path)
    assert main(["disassemble", str(path)]) == 2
    assert capsys.readouterr().err.startswith("hbfp disassemble: net.hbfp is not a program")


def test_layers_must_be_the_networks(program, tmp_path):
    path = changed(program, tmp_path / "net.hbfp", lambda header, members: header["layers"].pop())
    with rejects(ValueError, "net.onnx: layers must be Gemm_h, MatMul_y, not Gemm_h"), opened(read_program(path)):
        pass


def test_products_must_be_the_networks(program, tmp_path):
    path = changed(program, tmp_path / "net.hbfp", lambda header, members: header["layers"][1]["products"].clear())
    with rejects(ValueError, "layer MatMul_y: the program has fewer products than it asks for"):
        run(path, GoldenDevice(MACHINE))


def test_a_missing_file_is_told(tmp_path):
    path = tmp_path / "none.hbfp"
    with rejects(FileNotFoundError, f"{path} does not exist; hbfp compile makes programs"):
        read_program(path)
