"""Claims, tables and pages are made of the rows they name."""

import re
from pathlib import Path

import pytest
from plotly.offline import get_plotlyjs

from synth.density.row import Design, Row
from synth.report.claims import ratio, verdicts
from synth.report.clocks import best
from synth.report.document import sections, write_html
from synth.report.pages import rewrite
from synth.sweep import load

ROOT = Path(__file__).parents[3]


def row(name, area, library="reference", period=None, **design):
    return Row(Design(name, library, **design), area, {"core": area}, 0, period, "by hand", 4, 1, 1024, "all of it")


ROWS = [
    row("hbfp4", 10, period=4.0), row("hbfp4", 12, period=2.0, effort="speed", cycles=3), row("fp32", 240, period=8.0),
    row("mxfp4", 20), row("hbfp4", 10, "other"), row("fp32", 250, accounting="formula"),
    row("hbfp4", 10, accounting="formula"), row("fp32", 300, period=5.0, effort="speed"), row("mxfp6-e2m3", 25, period=4.0),
]  # fmt: skip


def test_claims_compare_the_same_accounting():
    assert ratio(ROWS, "reference", "hbfp4", "fp32") == 24
    assert ratio(ROWS, "reference", "hbfp4", "fp32", "formula") == 25
    assert ratio(ROWS, "other", "hbfp4", "fp32") is None
    found = {
        (v.claim.published, v.claim.accounting): v.verdict
        for v in verdicts(ROWS)
        if v.claim.other == "fp32"
    }
    assert found[21.3, "tile"] == "holds"
    assert found[25, "tile"] == "does not hold"
    assert (21.3, "cell") not in found


def test_the_best_clock_is_that_of_the_densest_tile():
    assert best(ROWS, "reference", "hbfp4").period == 2.0
    assert best(ROWS, "reference", "mxfp6-e2m3") is None  # nothing but the relaxed tile was measured
    assert ratio(ROWS, "reference", "hbfp4", "fp32", "best clock") == pytest.approx(300 * 5 / (12 * 2))


def test_a_page_is_rewritten_between_its_markers_only(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("before\n<!-- claims -->\noutdated\n<!-- /claims -->\nafter\n")
    assert rewrite(page, sections(ROWS))
    text = page.read_text()
    assert text.startswith("before\n<!-- claims -->\n- **Area** in reference, ")
    assert text.endswith("<!-- /claims -->\nafter\n")
    assert "| HBFP4 against FP32 | formula | 21.3 | 25.00 | – | holds |" in text
    assert "outdated" not in text
    assert not rewrite(page, sections(ROWS))


def test_a_page_without_markers_is_refused(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("nothing here")
    with pytest.raises(ValueError, match=r"page\.md has no markers <!-- claims --> "):
        rewrite(page, sections(ROWS))


@pytest.mark.parametrize("page", ["README.md", "docs/density.md", "docs/density-tables.md"])
def test_pages_hold_what_the_results_file_gives(page, tmp_path):
    copy = tmp_path / "page.md"
    copy.write_text((ROOT / page).read_text())
    assert not rewrite(copy, sections(load(ROOT / "docs" / "density.json"))), (
        f"python -m synth report --from docs/density.json --into {page}"
    )


def test_the_html_page_needs_nothing_else(tmp_path):
    page = write_html(ROWS, [(ROWS[0].design, "no")], tmp_path, "python -m synth report").read_text()
    assert 'src="data:image/png;base64,' in page
    assert not re.search(r"""(src|href)=["']?http""", page.replace(get_plotlyjs(), ""))
    assert "/*" not in re.sub(r"<script>.*?</script>|<style>.*?</style>", "", page, flags=re.DOTALL)
    assert {path.suffix for path in tmp_path.iterdir()} == {".html", ".png", ".svg"}
