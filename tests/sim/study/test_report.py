import csv
import io
import json

import pytest
from rich.console import Console

from hw.config import CoreConfig
from sim import Memory, estimate
from sim.study.report import compare, compute_report, quantity, read_report, show, to_csv
from sim.workloads import Layer, Workload
from tests.sim.messages import rejects

CONFIG = CoreConfig(mantissa_widths=(4, 6), mesh_rows=2, mesh_columns=2)


def printed(function, *arguments):
    console = Console(file=io.StringIO(), width=200)
    function(console, *arguments)
    return console.file.getvalue()


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0 "),
        (7, "7 "),
        (999, "999 "),
        (1000, "1 k"),
        (25_557_032, "25.6 M"),
        (4.09e9, "4.09 G"),
        (999_900, "1 M"),
    ],
)
def test_quantities_have_three_digits(value, text):
    assert quantity(value) == text.replace("1e+03 k", "1000 k")


def test_table_shows_layers_and_totals():
    text = printed(show, estimate("resnet50", CONFIG, training=True, schedule="booster", memory=Memory(8), epochs=90))
    assert "conv2_1b" in text
    assert "weight gradient" in text
    assert "resnet50, training step, batch 1, booster" in text
    assert "25.6 Mparameters" in text
    assert "90 epochs of 1281167 steps" in text


def test_table_lists_what_is_not_modelled():
    workload = Workload("net", (Layer("fc", "linear", 1, 2, 3),), not_modelled={"Softmax": 3, "Relu": 1})
    assert "not modelled: Softmax 3, Relu 1" in printed(show, estimate(workload, CONFIG))


def test_csv_reads_back():
    result = estimate("resnet20", CONFIG)
    rows = list(csv.DictReader(io.StringIO(to_csv([row.to_dict() for row in result.rows]))))
    assert [int(row["macs"]) for row in rows] == [row.macs for row in result.rows]
    assert rows[0]["layer"] == "conv1"


def test_csv_of_records_with_different_keys():
    assert to_csv([{"a": 1}, {"b": 2}]) == "a,b\n1,\n,2\n"


def test_scale_sim_columns():
    workload = Workload("net", tuple(Layer(name, "linear", 8, 64, 4) for name in "ab"))
    lines = compute_report(estimate(workload, CONFIG, rates=None)).splitlines()
    header = "LayerID, Total Cycles, Stall Cycles, Overall Util %, Mapping Efficiency %, Compute Util %,"
    assert lines[0] == header
    assert [line.split(", ")[0] for line in lines[1:]] == ["0", "1"]
    identity, total, stall, overall, mapping, computing = lines[1].rstrip(",").split(", ")
    assert (identity, int(total) - int(stall)) == ("0", 1)
    assert float(mapping) == 50  # 4 of 8 columns
    assert float(computing) == 50
    assert float(overall) == 50 / int(total)


def test_comparison_of_two_reports(tmp_path):
    for name, mesh in (("a.json", 1), ("b.json", 2)):
        result = estimate("resnet20", CoreConfig(mesh_rows=mesh), rates=None)
        (tmp_path / name).write_text(json.dumps(result.to_dict()))
    text = printed(compare, *(read_report(tmp_path / name) for name in ("a.json", "b.json")), ("a.json", "b.json"))
    assert "machine mesh_rows" in text
    assert "machine block_size" not in text
    assert "speed-up 2.0" in text or "speed-up 1.9" in text


WHOLE = '"summary": {"cycles": 1, "macs": 1, "bytes": 1, "utilization": 1}'


@pytest.mark.parametrize("text", [
    "", "[]", "{}", '{"summary": {"cycles": 1}}', '{"summary": 3}', f'{{{WHOLE}, "machine": 1.5}}', f'{{{WHOLE}, "rates": []}}',
])  # fmt: skip
def test_rejects_what_is_no_report(tmp_path, text):
    (tmp_path / "a.json").write_text(text)
    with rejects(ValueError, "a.json is not a report of python -m sim --json"):
        read_report(tmp_path / "a.json")


def test_rejects_a_missing_report(tmp_path):
    with rejects(FileNotFoundError, f"{tmp_path}/a.json does not exist"):
        read_report(tmp_path / "a.json")
