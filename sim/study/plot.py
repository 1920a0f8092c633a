# Ref: S. Williams, A. Waterman, D. Patterson, "Roofline: An Insightful Visual Performance Model for Multicore
# Architectures", Communications of the ACM 52(4), 2009.
"""Plots of an estimate, as PNG: utilisation by layer, and the roofline."""

from collections.abc import Mapping
from io import BytesIO

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from sim.network.bounds import port_width
from sim.network.result import BOUNDS, Estimate

__all__ = ["PLOTS", "add_roofs", "plot_roofline", "plot_utilization", "png"]

_COLOURS = dict(zip(BOUNDS, ("#0072b2", "#e69f00", "#cc79a7", "#d55e00", "#009e73"), strict=True))
"""Distinguishable with any colour vision (the set of Okabe and Ito)."""


def png(figure: Figure) -> bytes:
    """The figure as a file, the same bytes for the same figure."""
    buffer = BytesIO()
    figure.savefig(buffer, format="png", dpi=130, metadata={"Software": None})
    return buffer.getvalue()


def _title(result: Estimate) -> str:
    mode = "training step" if result.training else "inference"
    return (
        f"{result.workload.name}, {mode}, batch {result.workload.batch}, {result.schedule.name}\n{result.config.name}"
    )


def _legend(axes: Axes, result: Estimate) -> None:
    present = [bound for bound in BOUNDS if any(row.bound == bound for row in result.rows)]
    axes.legend(handles=[Patch(color=_COLOURS[bound], label=f"bound by {bound}") for bound in present], fontsize=8)


def plot_utilization(result: Estimate) -> bytes:
    """Bars as wide as a product's share of the time and as high as its utilisation, so that area is useful work."""
    figure = Figure(figsize=(11, 4.5), layout="constrained")
    axes = figure.subplots()
    left = 0.0
    for row in result.rows:
        width = row.cycles / result.cycles
        axes.bar(
            left, row.utilization, width, align="edge", color=_COLOURS[row.bound], edgecolor="white", linewidth=0.3
        )
        if width > 0.025:
            label = f"{row.layer} x{row.count}" if row.count > 1 else row.layer
            axes.text(left + width / 2, row.utilization, f" {label}", rotation=90, ha="center", va="bottom", fontsize=6)
        left += width
    axes.axhline(result.utilization, color="black", linewidth=0.8, linestyle="--")
    axes.set(xlim=(0, 1), xlabel="share of the time", ylabel="utilisation of the multipliers", title=_title(result))
    axes.set_ylim(0, min(1.3, 1.4 * max(row.utilization for row in result.rows)))
    _legend(axes, result)
    return png(figure)


def plot_roofline(result: Estimate) -> bytes:
    """Products, by operations per byte that must cross the ports, under the roofs of the array and of the ports.

    Raises
    ------
    ValueError
        for an estimate without ports.
    """
    if result.rates is None:
        raise ValueError("plot of a roofline needs ports, which ideal ones are not")
    figure = Figure(figsize=(7, 5), layout="constrained")
    axes = figure.subplots()
    for row in result.rows:
        size = 10 + 300 * row.cycles / result.cycles
        axes.scatter(result.operations_per_byte(row) or 0, row.macs / row.cycles, size, color=_COLOURS[row.bound], alpha=0.6)
    whole = result.operations_per_byte(*result.rows) or 0
    axes.scatter(whole, result.macs / result.cycles, 90, color="black", marker="*", label="network")
    kinds = {row.passes: row.width for row in result.rows}
    cores = result.cluster.cores
    add_roofs(axes, {f"{width} bits": result.rows[0].peak / passes for passes, width in sorted(kinds.items())},
              port_width(result.config, result.rates) * cores / 8)  # fmt: skip
    axes.set_title(_title(result))
    _legend(axes, result)
    return png(figure)


def add_roofs(axes: Axes, peaks: Mapping[str, float], bytes_per_cycle: float) -> None:
    """The roofs over what is in the axes: the ports' slope, and a level for each named peak in multiply-accumulates per cycle."""
    axes.set(xscale="log", yscale="log", xlabel="operations per byte that must cross the ports",
             ylabel="multiply-accumulates per cycle")  # fmt: skip
    least, most = axes.get_xlim()
    ridges = [2 * peak / bytes_per_cycle for peak in peaks.values()]
    least, most = min(least, *ridges) / 1.5, max(most, *ridges) * 3
    top = max(peaks.values())
    axes.plot([least, 2 * top / bytes_per_cycle], [least * bytes_per_cycle / 2, top], color="black", linewidth=1)
    axes.annotate(f"ports: {bytes_per_cycle:g} bytes per cycle", (least, least * bytes_per_cycle / 2), fontsize=8,
                  xytext=(12, 2), textcoords="offset points")  # fmt: skip
    for (name, peak), ridge in zip(peaks.items(), ridges, strict=True):
        axes.plot([ridge, most], [peak, peak], color="black", linewidth=1)
        axes.annotate(f"{name}: {peak:,.0f}", (most, peak), ha="right", va="bottom", fontsize=8)
    axes.set_xlim(least, most)


PLOTS = {"utilization": plot_utilization, "roofline": plot_roofline}
"""The plots by name."""
