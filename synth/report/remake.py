"""The command that makes one figure again."""

from synth.density.row import Design
from synth.energy.measure import EnergyDesign
from synth.options import PROGRAM

__all__ = ["density_command", "energy_command"]


def _given(options: list[tuple[str, object, object]]) -> str:
    """Options whose values are not the usual ones."""
    return "".join(f" --{name} {value}" for name, value, usual in options if value != usual)


def density_command(design: Design) -> str:
    """Measures one design."""
    d = design
    text = f"{PROGRAM} density --formats {d.format} --library {d.library}"
    accounting = f'"{d.accounting}"' if " " in d.accounting else d.accounting
    text += _given([
        ("accounting", accounting, "tile"), ("converter", d.converter, "none"), ("dot", d.dot, None),
        ("tile", f"{d.rows}x{d.columns}", "4x4"), ("mesh", f"{d.mesh}x{d.mesh}", "1x1"),
        ("accumulator-cycles", d.cycles, 1), ("tree-cycles", d.tree_cycles, 0), ("effort", d.effort, "area"),
        ("target", d.target, None),
    ])  # fmt: skip
    return text + " --no-clock-gates" * (not d.clock_gates) + " --clock-gating" * d.clock_gating


def energy_command(design: EnergyDesign) -> str:
    """Measures one energy."""
    d = design
    text = f"{PROGRAM} energy --formats {d.format} --library {d.library}" + _given([
        ("operands", d.statistics, None), ("delays", d.delays, None), ("dot", d.dot, None),
        ("accumulator-cycles", d.cycles, 1), ("tree-cycles", d.tree_cycles, 0), ("effort", d.effort, "area"),
        ("target", d.target, None), ("clock", d.clock, None),
    ])  # fmt: skip
    return text + " --clock-gating" * d.clock_gating
