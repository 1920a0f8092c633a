"""A table as headings and lines of text, whatever it is shown in."""

import html
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from rich.table import Table as Terminal

__all__ = ["Table"]


@dataclass(frozen=True)
class Table:
    """A table: title, a sentence about it, headings, lines; the first ``words`` columns hold text."""

    title: str
    note: str
    headings: tuple[str, ...]
    lines: list[list[str]]
    words: int = 1

    def markdown(self, level: str = "##") -> str:
        """With its title as a heading."""
        return f"{level} {self.title}\n\n{self.note}\n\n{self._rows()}"

    def folded(self, level: str = "##") -> str:
        """The same with the lines out of sight, under how many there are of each word in their last column."""
        words = Counter(line[-1] for line in self.lines).most_common()
        summary = html.escape(f"{len(self.lines)} rows: " + ", ".join(f"{word} {count}" for word, count in words))
        return f"{level} {self.title}\n\n{self.note}\n\n<details><summary>{summary}</summary>\n\n{self._rows()}\n</details>\n"

    def _rows(self) -> str:
        rows = [self.headings, ["---"] * self.words + ["---:"] * (len(self.headings) - self.words), *self.lines]
        return "".join("| " + " | ".join(row) + " |\n" for row in rows)

    def html(self) -> str:
        """With its title as a heading."""

        def row(cells: Iterable[str], tag: str) -> str:
            return "<tr>" + "".join(
                f'<{tag}{" class=text" * (i < self.words)}>{html.escape(cell)}</{tag}>' for i, cell in enumerate(cells)
            ) + "</tr>"  # fmt: skip

        lines = "".join(row(line, "td") for line in self.lines)
        return (f"<h2>{html.escape(self.title)}</h2><p>{html.escape(self.note)}</p>"
                f"<table>{row(self.headings, 'th')}{lines}</table>")  # fmt: skip

    def terminal(self) -> Terminal:
        """For a terminal."""
        table = Terminal(title=self.title)
        for i, heading in enumerate(self.headings):
            table.add_column(heading, justify="left" if i < self.words else "right", overflow="fold")
        for line in self.lines:
            table.add_row(*line)
        return table
