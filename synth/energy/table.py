"""The tables of energies, and the sentence about them on the first page."""

from synth.energy.measure import EnergyDesign, EnergyRow
from synth.table import Table

__all__ = ["energy_sections", "energy_tables", "find"]

NAMES = {"fp32": "FP32", "bf16": "BF16", "bf16-bf16": "BF16 with BF16 sums", "mxfp6-e2m3": "MXFP6", "int8": "INT8",
         "mxfp4": "MXFP4", "int4": "INT4"}  # fmt: skip
WAYS = (("digits", "none"), ("digits", "inertial"), ("digits", "transport"), ("uniform", "inertial"))
Machine = tuple[str, float | None]
PARTS = ("core", "accumulator", "unit", "edge", "clock", "leakage")


def _machine(design: EnergyDesign) -> Machine:
    """What rows that are shown in one table have in common."""
    return design.library, design.clock


def find(
    rows: list[EnergyRow], machine: Machine, name: str, statistics: str, delays: str, gated: bool = False
) -> EnergyRow | None:
    """The row of a format on a machine, with given operands and delays, with clock gating or without."""
    return next((r for r in rows if _machine(r.design) == machine and r.design.clock_gating == gated
                 and (r.design.format, r.design.statistics, r.design.delays) == (name, statistics, delays)), None)  # fmt: skip


def _ratio(rows: list[EnergyRow], machine: Machine, name: str, statistics: str, delays: str) -> str:
    ours, theirs = (find(rows, machine, form, statistics, delays) for form in ("hbfp4", name))
    return f"{theirs.energy / ours.energy:.2f}" if ours and theirs else "–"


def _energy(row: EnergyRow | None) -> str:
    return f"{row.energy:.0f}" if row else "–"


def _title(machine: Machine) -> str:
    library, clock = machine
    return f"All at {clock:g} ns, {library}" if clock else f"Each as small as it gets, {library}"


def _formats(rows: list[EnergyRow], machine: Machine, hidden: bool = False, gated: bool = False) -> list[str]:
    """Formats on a machine; of those with only the second product of the network apart, and of those with clock gating."""
    of = [row.design for row in rows if _machine(row.design) == machine and row.design.clock_gating == gated
          and (row.design.statistics == "hidden") == hidden]  # fmt: skip
    return list(dict.fromkeys(design.format for design in of))


def energy_table(rows: list[EnergyRow], machine: Machine) -> Table:
    """Formats on one kind of machine: with glitches and between their bounds, and each beside HBFP4."""
    lines = []
    for name in _formats(rows, machine):
        shown = [_energy(find(rows, machine, name, *way)) for way in WAYS]
        ratios = [_ratio(rows, machine, name, *way) for way in (WAYS[0], WAYS[1], WAYS[3])]
        lines.append([name, *shown, *ratios])
    note = ("fJ per multiply-accumulate with a trained network's operands: the floor, of settled values; with glitches "
            "(inertial delays); the ceiling, with every pulse (transport delays). Then with glitches and uniform operands; "
            "then how many times HBFP4's of the same column.")  # fmt: skip
    headings = ("format", "floor", "glitches", "ceiling", "uniform", "floor, HBFP4 = 1", "glitches",
                "uniform")  # fmt: skip
    return Table(_title(machine), note, headings, lines)


def parts_table(rows: list[EnergyRow], machine: Machine) -> Table:
    """What the energy with glitches of a trained network's operands is made of, and what idle cycles take."""
    lines = []
    for name in _formats(rows, machine):
        row = find(rows, machine, name, *WAYS[1])
        if row:
            half = row.energy + row.idle
            lines.append([
                name, f"{row.design.cycles}/{row.design.tree_cycles}", f"{row.least_period:.2f}", f"{row.energy:.0f}",
                *(f"{row.parts.get(part, 0):.0f}" for part in PARTS), f"{row.switching:.0f}", f"{row.toggles:.0f}",
                f"{row.idle:.0f}", f"{half:.0f}",
            ])  # fmt: skip
    note = ("With glitches, trained operands. Registers: in the accumulator and in the sum. Of it charge of nets, and transitions; "
            "what a cycle without work takes in place of a multiply-accumulate, and fJ per multiply-accumulate at half the "
            "utilisation.")  # fmt: skip
    headings = ("format", "registers", "least ns", "fJ/MAC", *PARTS, "of it nets", "transitions", "idle", "at half use")
    return Table(f"What it is made of: {_title(machine)[0].lower()}{_title(machine)[1:]}", note, headings, lines)


def joined_table(rows: list[EnergyRow], machine: Machine) -> Table:
    """One block and several for each FP32 addition, with a reduction that fills the units of both."""
    lines = [
        [name, *(_energy(find(rows, machine, name, "hidden", delays)) for delays in ("none", "inertial")),
         *(_ratio(rows, machine, name, "hidden", delays) for delays in ("none", "inertial"))]
        for name in _formats(rows, machine, hidden=True)
    ]  # fmt: skip
    note = ("fJ per multiply-accumulate of the network's second product, whose reduction of 128 fills units that join blocks: the "
            "floor and with glitches, and how many times HBFP4's.")  # fmt: skip
    title = _title(machine)
    return Table(f"Joined blocks: {title[0].lower()}{title[1:]}", note,
                 ("format", "floor", "glitches", "floor, HBFP4 = 1", "glitches"), lines)  # fmt: skip


def gating_table(rows: list[EnergyRow], machine: Machine) -> Table:
    """Units without clock gating and with it, busy and idle, and how busy they must be for it to pay no more."""
    lines = []
    for name in _formats(rows, machine, gated=True):
        plain, gated = (find(rows, machine, name, *WAYS[1], gated=way) for way in (False, True))
        if plain and gated:
            lost, won = gated.energy - plain.energy, plain.idle - gated.idle
            even = 100 * won / (won + max(0.0, lost))
            lines.append([
                name, *(f"{row.least_period:.2f}" for row in (plain, gated)),
                *(f"{value:.1f}" for row in (plain, gated) for value in (row.energy, row.idle)),
                *(f"{row.energy + row.idle:.0f}" for row in (plain, gated)), f"{even:.0f} %",
            ])  # fmt: skip
    note = ("With glitches, trained operands: least period in ns without clock gating and with it; fJ of a multiply-accumulate and "
            "of the place of one in a cycle without work, without and with it; of a multiply-accumulate at half the utilisation; "
            "and the utilisation up to which it pays.")  # fmt: skip
    title = _title(machine)
    return Table(f"Clock gating: {title[0].lower()}{title[1:]}", note,
                 ("format", "ns", "gated", "fJ/MAC", "idle", "gated fJ/MAC", "idle", "at half use", "gated", "pays up to"),
                 lines)  # fmt: skip


def energy_tables(rows: list[EnergyRow]) -> list[Table]:
    """Tables for each library and clock; those of one clock first."""
    machines = sorted(dict.fromkeys(_machine(row.design) for row in rows), key=lambda machine: machine[1] is None)
    found = [table(rows, machine) for machine in machines for table in (energy_table, parts_table, joined_table, gating_table)]
    return [table for table in found if table.lines]


def _summary(rows: list[EnergyRow]) -> str:
    """The first machine at equal clock in one sentence."""
    machine = next((_machine(r.design) for r in rows if r.design.clock), None)
    ours = find(rows, machine, "hbfp4", "digits", "inertial") if machine else None
    if machine is None or ours is None:
        return ""
    floor = find(rows, machine, "hbfp4", "digits", "none")
    others = []
    for name, title in NAMES.items():
        theirs, least = (find(rows, machine, name, "digits", delays) for delays in ("inertial", "none"))
        if theirs:
            low = f" ({least.energy / floor.energy:.1f})" if least and floor else ""
            others.append(f"{title} {theirs.energy / ours.energy:.1f}{low}")
    low = f" ({floor.energy:.0f} without glitches)" if floor else ""
    return (f"- **Energy** in {machine[0]}, all pipelined and mapped for {machine[1]:g} ns ([docs/energy.md](docs/energy.md)): "
            f"HBFP4 {ours.energy:.0f} fJ per multiply-accumulate of a trained network{low};\n  others, as multiples of that "
            f"(in brackets without glitches): {', '.join(others)}. No wires, clock tree or memories.\n")  # fmt: skip


def energy_sections(rows: list[EnergyRow]) -> dict[str, str]:
    """Texts that pages hold between markers of these names."""
    return {"energy": "\n".join(table.markdown("###") for table in energy_tables(rows)), "energy summary": _summary(rows)}
