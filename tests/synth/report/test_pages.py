"""Pages: what is between markers is rewritten, what is outside stays, and what has none is refused before the work."""

import re

import pytest

from synth.report.pages import check_page, rewrite

PAGE = "a\n<!-- one -->\nold\n<!-- /one -->\nb\n<!-- two -->\n<!-- /two -->\n<!-- one -->\nold\n<!-- /one -->\n"


@pytest.fixture
def page(tmp_path):
    (tmp_path / "page.md").write_text(PAGE)
    return tmp_path / "page.md"


def test_every_place_of_a_name_and_no_other(page):
    assert rewrite(page, {"one": r"new \1 and \g<2>" + "\n", "three": "nowhere"})
    assert page.read_text() == PAGE.replace("old", r"new \1 and \g<2>")


def test_what_is_as_it_should_be_is_not_written(page):
    before = page.stat().st_mtime_ns
    assert not rewrite(page, {"one": "old\n", "two": ""})
    assert page.stat().st_mtime_ns == before


@pytest.mark.parametrize("text", ["", "<!-- one -->", "<!-- one -->\n<!-- /two -->", "<!-- /one -->\n<!-- one -->"])
def test_a_page_without_markers(text, tmp_path):
    page = tmp_path / "page.md"
    page.write_text(text)
    begin = f"^{re.escape(str(page))} has no markers"
    with pytest.raises(ValueError, match=f"{begin} <!-- name --> … <!-- /name --> to write between$"):
        check_page(page)
    with pytest.raises(ValueError, match=f"{begin} <!-- one --> … <!-- /one --> to write between$"):
        rewrite(page, {"one": "x", "two": "y"})
    assert page.read_text() == text


def test_a_page_that_is_none(tmp_path):
    with pytest.raises(ValueError, match=r"none\.md cannot be read: No such file or directory$"):
        check_page(tmp_path / "none.md")
    with pytest.raises(ValueError, match="output must be a file in a writable folder, not "):
        check_page(tmp_path)


def test_a_page_with_markers_is_taken(page):
    check_page(page)
