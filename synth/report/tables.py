"""The report's tables, as headings and lines of text, whatever they are shown in."""

from synth.density.row import Row
from synth.density.sets import clocks_of
from synth.report.claims import BOTH, SELECTORS, aims, find, libraries_of, memory_density, verdicts
from synth.report.clocks import at_clock, best, equal_clock
from synth.table import Table

__all__ = ["accounting_table", "aims_table", "best_table", "claims_table", "clock_table", "formats_table", "tables"]



def claims_table(rows: list[Row], headline: bool = False) -> Table:
    """Published against measured."""
    libraries = libraries_of(rows)
    lines = [
        [v.claim.source, v.claim.text, v.claim.accounting, f"{v.claim.published:g}",
         *(f"{v.measured[name]:.2f}" if v.measured.get(name) else "–" for name in libraries), v.verdict]
        for v in verdicts(rows, headline)
    ]  # fmt: skip
    note = ("How many times denser; \"holds\" means at least the published ratio in the accounting named, in every library "
            "measured.")  # fmt: skip
    return Table("Published claims", note, ("source", "claim", "counted", "published", *libraries, "verdict"), lines, 3)


def formats_table(rows: list[Row]) -> Table:
    """Every format that was measured in both accountings of the first library, beside HBFP4, the largest first."""
    library = libraries_of(rows)[0]
    lines = []
    for name in dict.fromkeys(row.design.format for row in rows):
        line, found = [name], [(find(rows, library, name, way), find(rows, library, "hbfp4", way)) for way in BOTH]
        for theirs, mine in found:
            if theirs and mine:
                line += [f"{theirs.area:.1f}", f"{theirs.period:.2f}" if theirs.period else "–", f"{theirs.area / mine.area:.2f}"]
        if len(line) == 7:
            lines.append(line)
    lines.sort(key=lambda line: -float(line[6]))
    clock = f"{equal_clock(library):g} ns"
    note = (f"4×4 tile in {library}, area per multiply-accumulate, and how many times HBFP4's that is: as small as it gets, at a "
            f"clock of its own; and all for {clock}, at the least period that the tile then has.")  # fmt: skip
    return Table("Formats beside HBFP4", note, ("format", "smallest", "ns", "HBFP4 = 1", f"at {clock}", "ns", "HBFP4 = 1"), lines)


def aims_table(rows: list[Row]) -> Table:
    """What this project aims at."""
    lines = [[text, counted, library, f"{relation} {aim:g}", f"{value:.2f}", "reached" if good else "missed"]
             for text, counted, library, relation, aim, value, good in aims(rows)]  # fmt: skip
    note = ("In the tile of 4×4 units, FP32 sums; areas in µm² per MAC, the others are ratios of them. \"tile\": each as small as "
            f"it gets, at a clock of its own; \"equal clock\": all at {equal_clock('nangate45'):g} ns.")  # fmt: skip
    return Table("Aims", note, ("what", "counted", "library", "aim", "measured", ""), lines, 3)


def _base(row: Row, rows: list[Row], accounting: str) -> Row | None:
    name = "fp32/64" if accounting.startswith("dot unit") else "fp32"
    return find(rows, row.design.library, name, accounting)


def accounting_table(rows: list[Row], accounting: str) -> Table:
    """Rows of one accounting."""
    chosen = [row for row in rows if SELECTORS[accounting](row)]
    parts = list(dict.fromkeys(part for row in chosen for part in row.parts))
    lines = []
    for row in chosen:
        base, d = _base(row, rows, accounting), row.design
        units = 1 if accounting.startswith(("dot unit", "formula")) else d.rows * d.columns * d.mesh**2
        lines.append([
            d.format, d.library, str(row.macs // units), f"{row.area:.1f}",
            *(f"{row.parts[p]:.1f}" if p in row.parts else "–" for p in parts),
            f"{row.flip_flops:.1f}", f"{row.bits_per_element:.3f}", f"{base.area / row.area:.2f}" if base else "–",
            f"{memory_density(row, base):.0f}" if base else "–", str(row.verified),
        ])  # fmt: skip
    note = f"Area per MAC and its parts, in the library's unit. Counted: {_counted(chosen)}."
    headings = ("format", "library", "products", "area/MAC", *parts, "flip-flops", "bits/element", "vs FP32", "× memory",
                "checked")  # fmt: skip
    return Table(f"Accounting: {accounting}", note, headings, lines, 2)


def _counted(rows: list[Row]) -> str:
    """What is counted, and for which formats where that differs."""
    kinds: dict[str, list[str]] = {}
    for row in rows:
        name = row.design.format.split("/")[0]
        kind = "HBFP" if name.startswith(("hbfp", "mixed", "msfp")) else name.upper()
        known = kinds.setdefault(row.includes, [])
        known += [kind] * (kind not in known)
    if len(kinds) == 1:
        return next(iter(kinds))
    return "; ".join(f"{text} ({', '.join(names)})" for text, names in kinds.items())


def best_table(rows: list[Row]) -> Table:
    """Relaxed and best clock of each format."""
    lines = []
    for library in libraries_of(rows):
        mine = best(rows, library, "hbfp4")
        for name in dict.fromkeys(row.design.format for row in rows if row.design.library == library):
            relaxed, fast = find(rows, library, name, "tile"), best(rows, library, name)
            if relaxed is None or fast is None or fast.design == relaxed.design or mine is None:
                continue
            d = fast.design
            lines.append([
                name, library, f"{relaxed.area:.1f}", f"{relaxed.period:.2f}" if relaxed.period else "–",
                f"{fast.area:.1f}", f"{fast.period:.2f}", f"{d.cycles}", f"{d.tree_cycles}", f"{1000 * fast.density / 2:.3f}",
                f"{mine.density / fast.density:.2f}",
            ])  # fmt: skip
    timers = ", ".join(sorted({row.timing for row in rows if row.period}))
    note = (f"Least period in ns by {timers}: ideal clock, no wires, operands arriving with the clock. Relaxed: mapped by "
            "area, no register but the accumulator's and the block sum's. Best: the densest of the pipelines and targets "
            "searched; registers in the accumulator, and in the sum of products (of floats: a choice of registers in each "
            "operation). Density in MACs per ns and 1000 units of area, so the last column is the ratio of areas at equal "
            "throughput.")  # fmt: skip
    headings = ("format", "library", "relaxed area", "ns", "best area", "ns", "accumulator", "sum", "density",
                "HBFP4 denser by")  # fmt: skip
    return Table("Each format at its own best clock", note, headings, lines, 2)


def clock_table(rows: list[Row], library: str) -> Table:
    """The smallest tile at the same clocks of each format that is known at the equal clock."""
    clocks = clocks_of(library)
    names = [name for name in dict.fromkeys(row.design.format for row in rows)
             if at_clock(rows, library, name, equal_clock(library)) or best(rows, library, name)]  # fmt: skip
    lines = []
    for name in names:
        found = [(at_clock(rows, library, name, clock), at_clock(rows, library, "hbfp4", clock)) for clock in clocks]
        if any(theirs and mine for theirs, mine in found):
            lines.append([name, *(f"{theirs.area:.1f} ({theirs.area / mine.area:.2f})" if theirs and mine else "–"
                                  for theirs, mine in found)])  # fmt: skip
    note = ("Area per MAC of the smallest pipeline and mapping of each format that runs at the clock, and in brackets how many "
            "times HBFP4's that is: at equal clock and equal throughput. A dash: nothing measured is as fast. Formats with "
            "few figures have those of the relaxed tile, and one that was mapped for that clock alone.")  # fmt: skip
    return Table(f"At equal clock, {library}", note, ("format", *(f"{clock:g} ns" for clock in clocks)), lines)


def other_table(rows: list[Row]) -> Table:
    """Tiles of other shapes and pipelines."""
    chosen = [r for r in rows if r.design.accounting == "tile" and not r.design.usual and not r.design.cell
              and r.design.effort == "area"]  # fmt: skip
    lines = [
        [r.design.format, r.design.library, f"{r.macs // (r.design.rows * r.design.columns)}",
         f"{r.design.rows}x{r.design.columns}", f"{r.design.cycles}", f"{r.design.tree_cycles}", r.design.effort,
         f"{r.area:.1f}", f"{r.period:.2f}" if r.period else "–"]
        for r in chosen
    ]  # fmt: skip
    headings = ("format", "library", "products", "units", "accumulator", "sum", "mapped by", "area/MAC", "ns")
    return Table("Other tiles", "Other shapes and pipelines of the tile.", headings, lines, 2)


def tables(rows: list[Row]) -> list[Table]:
    """Every table that has lines."""
    found = [aims_table(rows), claims_table(rows)]
    found += [clock_table(rows, library) for library in libraries_of(rows)] + [best_table(rows)]
    order = ("tile", "array", "array of 2x2 tiles", "cell", "dot unit", "dot unit, own converter",
             "dot unit, shared converter", "formula")  # fmt: skip
    found += [accounting_table(rows, accounting) for accounting in order] + [other_table(rows)]
    return [table for table in found if table.lines]
