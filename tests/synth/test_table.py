"""A table is the same in Markdown, in HTML and on a terminal."""

from io import StringIO

from rich.console import Console

from synth.table import Table

TABLE = Table("Areas <1", 'of "cells" & wires', ("format", "library", "area"), [["a<b", "x", "1.5"], ["c", "y", "–"]], 2)


def test_markdown():
    assert TABLE.markdown("###") == (
        '### Areas <1\n\nof "cells" & wires\n\n'
        "| format | library | area |\n| --- | --- | ---: |\n| a<b | x | 1.5 |\n| c | y | – |\n"
    )


def test_folded_lines_are_counted_by_their_last_word():
    table = Table("Claims", "note", ("claim", "verdict"), [["a", "holds"], ["b", "< half"], ["c", "holds"]], 2)
    assert table.folded("###") == (
        "### Claims\n\nnote\n\n<details><summary>3 rows: holds 2, &lt; half 1</summary>\n\n"
        "| claim | verdict |\n| --- | --- |\n| a | holds |\n| b | < half |\n| c | holds |\n\n</details>\n"
    )


def test_html_is_escaped_and_words_are_marked():
    assert TABLE.html() == (
        "<h2>Areas &lt;1</h2><p>of &quot;cells&quot; &amp; wires</p><table>"
        "<tr><th class=text>format</th><th class=text>library</th><th>area</th></tr>"
        "<tr><td class=text>a&lt;b</td><td class=text>x</td><td>1.5</td></tr>"
        "<tr><td class=text>c</td><td class=text>y</td><td>–</td></tr></table>"
    )


def test_terminal():
    terminal = TABLE.terminal()
    assert [(column.header, column.justify) for column in terminal.columns] == [
        ("format", "left"), ("library", "left"), ("area", "right")]  # fmt: skip
    text = StringIO()
    Console(file=text, width=60).print(terminal)
    assert "a<b" in text.getvalue()
    assert "Areas <1" in text.getvalue()
