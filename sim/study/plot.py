"""Plots of an estimate, as PNG: utilisation by layer, and the roofline."""

from io import BytesIO

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from sim.network.memory import roofline
from sim.network.result import BOUNDS, Estimate

__all__ = ["plot_roofline", "plot_utilization"]

_COLOURS = dict(zip(BOUNDS, ("#0072b2", "#e69f00", "#cc79a7", "#d55e00", "#009e73"), strict=True))
"""Distinguishable with any colour vision (the set of Okabe and Ito)."""


def _png(figure: Figure) -> bytes:
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
    return _png(figure)


def plot_roofline(result: Estimate) -> bytes:
    """Products by multiply-accumulates per byte and per cycle, under the roofs of the array and of the memory."""
    figure = Figure(figsize=(7, 5), layout="constrained")
    axes = figure.subplots()
    for row in result.rows:
        size = 10 + 300 * row.cycles / result.cycles
        axes.scatter(row.intensity, row.macs / row.cycles, size, color=_COLOURS[row.bound], alpha=0.6)
    peak, chips = result.rows[0].peak, result.cluster.cores // result.cluster.cores_per_chip
    rate = result.memory.bytes_per_cycle
    ridges = {row.passes: 0 if rate is None else peak / row.passes / (rate * chips) for row in result.rows}
    least = min(*(row.intensity for row in result.rows), *filter(None, ridges.values())) / 2
    most = max(*(row.intensity for row in result.rows), *ridges.values()) * 4
    for passes, ridge in sorted(ridges.items()):
        points = sorted({least, max(ridge, least), most})
        roof = [roofline(x, peak / passes, None if rate is None else rate * chips) for x in points]
        width = next(row.width for row in result.rows if row.passes == passes)
        axes.plot(points, roof, color="black", linewidth=1)
        axes.annotate(f"{width} bits: {peak / passes:,.0f}", (most, roof[-1]), ha="right", va="bottom", fontsize=8)
    axes.set(xscale="log", yscale="log", title=_title(result))
    axes.set(xlabel="multiply-accumulates per byte of memory traffic", ylabel="multiply-accumulates per cycle")
    _legend(axes, result)
    return _png(figure)
