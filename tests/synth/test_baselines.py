"""The comparison with other open designs: the page is that of the file, and ours are the components of the density report."""

import json
import shutil
from pathlib import Path

import pytest

from bench import baselines
from synth.mapping.liberty import find_library
from synth.report.pages import rewrite

DOCS = Path(__file__).parents[2] / "docs"
DOCUMENT = json.loads((DOCS / "baselines.json").read_text())


def test_the_page_has_the_table_of_the_file(tmp_path):
    page = tmp_path / "baselines.md"
    shutil.copy(DOCS / "baselines.md", page)
    assert not rewrite(page, {"baselines": baselines.table(DOCUMENT)}), (
        "python -m bench.baselines docs/baselines.json --into docs/baselines.md"
    )


def test_every_row_says_whose_it_is_and_what_was_mapped():
    for row in DOCUMENT["theirs"]:
        assert row["repository"].count("/") == 1
        assert len(row["commit"]) == 40
        assert row["top"].isidentifier()
        assert set(row["ours"]) <= set(DOCUMENT["ours"])
    assert DOCUMENT["ours"].keys() == baselines.OURS.keys()


@pytest.mark.parametrize(("form", "ours"), [("fp32", "FP32"), ("bf16-bf16", "BF16")])
def test_ours_are_the_components_of_the_density_report(form, ours):
    rows = json.loads((DOCS / "density.json").read_text())["rows"]
    wanted = {"library": "nangate45", "accounting": "formula", "format": form, "effort": "area"}
    (parts,) = [row["parts"] for row in rows if wanted.items() <= row["design"].items()]
    found = {kind: DOCUMENT["ours"][f"{ours} {kind}"] for kind in ("adder", "multiplier")}
    assert found == pytest.approx(parts, abs=1e-3)


def test_none_of_theirs_is_smaller_by_over_five_percent():
    """As the page says; one of them is smaller at all."""
    ratios = [float(line.split("|")[-2]) for line in baselines.table(DOCUMENT).splitlines()[2:]]
    assert len(ratios) == len(DOCUMENT["theirs"])
    assert min(ratios) >= 0.95
    assert sum(ratio < 1 for ratio in ratios) == 1


def test_a_table_counts_products_and_leaves_registers_out():
    row = {"what": "sum", "design": "theirs", "ours": ["a", "b"], "products": 4, "area": 70.0, "flip_flops": 10.0}
    lines = baselines.table({"ours": {"a": 40.0, "b": 8.0}, "theirs": [row]}).splitlines()
    assert lines[-1] == "| sum | theirs | 12.0 | 15.0 | 1.25 |"


def test_another_library_is_refused_before_the_work(tmp_path, capsys):
    copy = tmp_path / "baselines.json"
    shutil.copy(DOCS / "baselines.json", copy)
    library = find_library("reference", tmp_path)
    with pytest.raises(SystemExit) as left:
        baselines.main([str(copy), "--library", "reference", "--build", str(tmp_path)])
    assert left.value.code == 2
    assert f"library must be nangate45, which the others were mapped to, not {library.name}" in capsys.readouterr().err
    assert json.loads(copy.read_text()) == DOCUMENT
