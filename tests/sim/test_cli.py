import json
import subprocess
import sys

import pytest

from sim.cli import main
from tests.sim.graphs.graphs import constant, model, node, save, tensor


@pytest.fixture
def run(capsys, tmp_path, monkeypatch):
    """Run the command line in an empty folder: exit status, standard output, standard error."""
    monkeypatch.chdir(tmp_path)

    def call(line):
        status = main(line.split())
        captured = capsys.readouterr()
        return status, captured.out, captured.err

    return call


def test_prints_a_table(run):
    status, out, err = run("--workload resnet50 --training --schedule booster --mesh 4x4 --bandwidth 32 --epochs 90")
    assert (status, err) == (0, "")
    assert "conv2_1b" in out
    assert "hbfp4_6_n64_d64_t4x4_m4x4_l1_fp32" in out
    assert "streams in words per cycle: A 16, B 16, C 4; operands fp32, results fp32" in out


def test_writes_everything(run, tmp_path):
    line = "--workload resnet20 --training --json a.json --csv a.csv --scale-sim s.csv --trace t.json --plot plots"
    assert run(f"{line} --layer conv1 --clock 100")[0] == 0
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {"a.json", "a.csv", "s.csv", "t.json", "plots"}
    assert {path.name for path in (tmp_path / "plots").iterdir()} == {"utilization.png", "roofline.png"}
    assert json.loads((tmp_path / "a.json").read_text())["summary"]["workload"] == "resnet20"
    assert json.loads((tmp_path / "t.json").read_text())["otherData"]["layer"] == "conv1"


def test_a_plot_is_the_roofline_or_a_folder(run, tmp_path):
    assert run("--workload resnet20 --plot utilization.png")[0] == 0
    assert run("--workload resnet20 --plot folder")[0] == 0
    assert (tmp_path / "utilization.png").read_bytes() == (tmp_path / "folder" / "roofline.png").read_bytes()
    assert run("--workload resnet20 --ideal-ports --plot ideal")[0] == 0
    assert [path.name for path in (tmp_path / "ideal").iterdir()] == ["utilization.png"]


@pytest.mark.parametrize("kind", ["data", "tensor"])
def test_a_graph_on_several_cores_says_what_they_send(run, tmp_path, kind):
    """A perceptron at batch 8: with the weights shared, three quarters of each C, FP32, are gathered by four cores."""
    nodes = [node("MatMul", ["x", "w"], "h"), node("Relu", ["h"], "r"), node("MatMul", ["r", "v"], "y")]
    weights = [constant("w", 16, 32), constant("v", 32, 12)]
    save(model(nodes, [tensor("x", "n", 16)], [tensor("y", "n", 12)], weights), tmp_path)
    line = f"--workload net.onnx --batch 8 --cores 4 --parallel {kind} --link 8"
    _, out, _ = run(line + " --csv c.csv")
    sent = [3 * 8 * size * 4 if kind == "tensor" else 0 for size in (32, 12)]
    report = json.loads(run(line + " --json")[1])
    assert [row["link_bytes"] for row in report["layers"]] == sent
    assert report["summary"]["link_bytes"] == sum(sent)
    assert "cores send each other" in out
    trained = json.loads(run(line + " --training --json")[1])["layers"]
    assert [row["link_bytes"] > 0 for row in trained if row["stage"] == "weight gradient"] == [kind == "data"] * 2


def test_all_layers_has_a_row_for_each(run, tmp_path):
    run("--workload resnet20 --json merged.json")
    run("--workload resnet20 --json all.json --all-layers")
    rows = {name: json.loads((tmp_path / name).read_text())["layers"] for name in ("merged.json", "all.json")}
    assert len(rows["all.json"]) == 20 > len(rows["merged.json"])


def test_compares_two_reports(run):
    for name, mesh in (("a.json", "1x1"), ("b.json", "2x2")):
        run(f"--workload resnet20 --ideal-ports --mesh {mesh} --json {name}")
    status, out, _ = run("--compare a.json b.json")
    assert status == 0
    assert "speed-up 4.0" in out or "speed-up 3.9" in out


def test_sweeps(run, tmp_path):
    line = "--workload resnet20 --sweep mesh=1x1,2x2 --sweep lanes=7,16 --sweep bandwidth=4 --json s.json --csv s.csv"
    status, out, _ = run(line)
    assert status == 0
    assert "lanes must divide block_size 64, not be 7" in out
    assert [record["lanes"] for record in json.loads((tmp_path / "s.json").read_text())] == [7, 16, 7, 16]


def test_reads_files(run, tmp_path):
    (tmp_path / "net.csv").write_text("Layer,M,N,K,\nfc,10,20,30,\n")
    assert "net, inference" in run("--workload net.csv")[1]


def test_silicon_from_a_file_with_another_clock(run, tmp_path):
    design = {"format": "hbfp4", "library": "asap7", "dot": None, "rows": 4, "columns": 4, "cycles": 1}
    (tmp_path / "r.json").write_text(json.dumps({"rows": [{"design": design, "area": 5, "period": 2}]}))
    run("--workload resnet20 --mesh 2x2 --synthesis r.json --clock 200 --json a.json")
    summary = json.loads((tmp_path / "a.json").read_text())["summary"]
    assert summary["area_um2"] == 5 * 64 * 64
    assert summary["seconds"] == pytest.approx(summary["cycles"] / 200e6)
    run("--workload resnet20 --synthesis r.json --sweep mesh=1x1,2x2 --json s.json")
    assert [record["area_um2"] for record in json.loads((tmp_path / "s.json").read_text())] == [5 * 1024, 5 * 4096]


def test_streams_carry_what_is_stored(run, tmp_path):
    cycles = {}
    for operands in ("fp32", "packed"):
        run(f"--workload resnet20 --operands {operands} --port-rate 1/8 --json a.json")
        report = json.loads((tmp_path / "a.json").read_text())
        assert report["machine"]["features"] == (["packed"] if operands == "packed" else [])
        cycles[operands] = report["summary"]["cycles"]
    assert cycles["packed"] < 0.9 * cycles["fp32"]
    run("--workload resnet20 --results packed --mesh 3x3 --sweep port-rate=1/2,1 --json s.json")
    assert [record["port_rate"] for record in json.loads((tmp_path / "s.json").read_text())] == ["1/2", 1]


BAD = [
    ("", "--workload is missing: a name, a .csv or an .onnx file"),
    ("--workload resnet20 --colour red", "unrecognized arguments: --colour red"),
    ("--workload resnet20 --batch many", "argument --batch: invalid int value: 'many'"),
    ("--workload resnet20 --batch 0", "batch must be at least 1, not 0"),
    (
        "--workload resnet20 --schedule mixed",
        "schedule must be booster or all-W with a width W between 2 and 10, not mixed",
    ),
    ("--workload resnet20 --schedule all-6 --mantissa 4", "mantissa width must be one of the configuration's 4, not 6"),
    ("--workload resnet20 --mantissa 4;6", "mantissa_width must be a number, a list such as 4,6 or 'mixed', not 4;6"),
    ("--workload resnet20 --dot 5", "dot must divide block_size 64, not be 5"),
    ("--workload resnet20 --mesh 4", "mesh must be ROWSxCOLUMNS, such as 4x4, not 4"),
    ("--workload resnet20 --mesh 0x4", "mesh_rows must be between 1 and 64, not 0"),
    ("--workload resnet20 --bandwidth -1", "bytes_per_cycle must be above 0, not -1.0"),
    ("--workload resnet20 --data 4", "link must be stated for 4 cores"),
    ("--workload resnet20 --clock 0", "clock_mhz must be above 0, not 0.0"),
    ("--workload resnet20 --library asap7", "library needs synthesis or energy"),
    ("--workload resnet20 --dram-energy 5", "dram_energy needs energy"),
    ("--workload resnet20 --energy bad.csv", "bad.csv is not a results file of python -m synth energy --json"),
    ("--workload resnet20 --sweep library=a,b", "library needs synthesis or energy"),
    ("--workload resnet20 --link 4", "link needs data or tensor or cores"),
    ("--workload resnet20 --cores 4", "cores needs parallel"),
    ("--workload resnet20 --cores 4 --parallel both", "parallel must be one of data, tensor, not both"),
    ("--workload resnet20 --cores 4 --parallel tensor", "link must be stated for 4 cores"),
    ("--workload resnet20 --cores 4 --parallel data --data 2", "cores and data must not be given both"),
    ("--workload resnet20 --data 2 --link-latency 4", "link_latency needs link"),
    ("--workload resnet20 --samples 4", "samples needs epochs"),
    ("--workload resnet20 --ideal-ports --port-rate 1/2", "port_rate needs ports, which ideal ones are not"),
    ("--workload resnet20 --ideal-ports --plot a.png", "plot of a roofline needs ports, which ideal ones are not"),
    ("--workload resnet20 --workers 2", "workers needs sweep"),
    ("--workload resnet20 --dask x", "dask needs sweep"),
    ("--workload resnet20 --sweep dot=4 --all-layers", "all_layers needs one machine, not a sweep"),
    ("--workload resnet20 --port-rate fast", "port_rate must be a number such as 1/4 or 0.25, not fast"),
    ("--workload resnet20 --ideal-ports --prefetch", "prefetch needs ports, which ideal ones are not"),
    ("--workload resnet20 --latency 9", "latency needs prefetch"),
    ("--workload resnet20 --prefetch --latency -1", "latency must be at least 0, not -1"),
    ("--workload resnet20 --port-rate 2", "port_rate must be above 0 and at most 1, not 2"),
    ("--workload no.csv", "no.csv does not exist"),
    ("--workload bad.csv", "bad.csv, line 2, column 3 (N): must be a positive integer, not 'x'"),
    ("--workload resnet20 --json bad.csv/a.json", "output must be a file in a writable folder, not bad.csv/a.json"),
    ("--workload resnet20 --json .", "output must be a file in a writable folder, not ."),
    ("--workload resnet20 --layer conv1", "layer needs trace"),
    ("--workload resnet20 --sweep dot", "sweep must be NAME=VALUE,VALUE,..., not dot"),
    ("--workload resnet20 --sweep dot=5", "dot must divide block_size 64, not be 5"),
    ("--workload resnet20 --sweep dot=4 --trace t.json", "trace needs one machine, not a sweep"),
    ("--workload resnet20 --sweep dot=4,8 --workers 1000000", "workers must be between 1 and 256, not 1000000"),
    ("--compare a.json b.json", "a.json does not exist"),
    ("--compare bad.csv bad.csv", "bad.csv is not a report of python -m sim --json"),
    ("--workload resnet20 --synthesis bad.csv", "bad.csv is not JSON: Expecting value: line 1 column 1 (char 0)"),
]


@pytest.mark.parametrize(("line", "message"), BAD)
def test_bad_input_is_one_line_and_leaves_no_file(run, tmp_path, line, message):
    (tmp_path / "bad.csv").write_text("Layer,M,N,K\nfc,1,x,1\n")
    extra = "" if "--compare" in line or not line else " --csv out.csv"
    status, out, err = run(line + extra)
    assert (status, out) == (2, "")
    assert err == f"python -m sim: {message}\n"
    assert [path.name for path in tmp_path.iterdir()] == ["bad.csv"]


def test_an_unknown_layer_leaves_no_file(run, tmp_path):
    status, _, err = run("--workload resnet20 --json a.json --trace t.json --plot plots --layer conv9")
    assert status == 2
    assert err.startswith("python -m sim: layer must be one of conv1, ")
    assert not list(tmp_path.iterdir())


def test_a_failing_write_keeps_the_old_files(run, tmp_path, monkeypatch):
    import hw.host.files

    (tmp_path / "a.json").write_text("old")

    def fail(name, path):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(hw.host.files.os, "replace", fail)
    assert run("--workload resnet20 --json a.json --csv a.csv")[0] == 2
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {"a.json": "old"}


def test_runs_as_a_module(tmp_path):
    command = [sys.executable, "-m", "sim", "--workload", "resnet21"]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 2
    assert result.stdout == ""
    assert result.stderr.startswith("python -m sim: workload must be one of ")
    assert result.stderr.count("\n") == 1


@pytest.mark.parametrize("options", ["--json", "--json -"])
def test_results_on_standard_output_are_alone_there(run, options):
    status, out, _ = run(f"--workload resnet20 {options}")
    assert status == 0
    assert json.loads(out)["summary"]["workload"] == "resnet20"
    status, out, _ = run("--workload resnet20 --csv")
    assert out.startswith("layer,count,kind,stage,")


def test_folders_of_results_are_made(run, tmp_path):
    assert run("--workload resnet20 --json new/deep/a.json")[0] == 0
    assert (tmp_path / "new" / "deep" / "a.json").exists()


def test_json_a_hundred_thousand_deep_is_no_report(run, tmp_path):
    (tmp_path / "deep.json").write_text("[" * 100_000)
    for line in ("--compare deep.json deep.json", "--workload resnet20 --synthesis deep.json"):
        status, out, err = run(line)
        assert (status, out) == (2, "")
        assert err.count("\n") == 1
        assert "deep.json is not" in err
