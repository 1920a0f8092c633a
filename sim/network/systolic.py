# Ref: A. Samajdar et al., "A Systematic Methodology for Characterizing Scalability of DNN Accelerators using
# SCALE-Sim", ISPASS 2020, section III, and the tool's releases 2 and 3, whose demand matrices these forms count.
"""Closed forms of the classic systolic array without overlap, as SCALE-Sim counts it.

An array of ``rows`` x ``columns`` cells of one multiplier each computes C (m x n) = A (m x k) B (k x n) in folds. The
operands enter skewed, one diagonal per cycle, and each fold starts when the one before has left the array. SCALE-Sim
numbers cycles from 0 and reports the number of the last, hence the - 1. (The publication's own formula for the
output-stationary array has another ``rows`` per fold for the drain; the tool overlaps that with the skew.)

A core of this project is that array when ``dot``, ``block_size``, ``interleave`` and the tile are 1 and nothing
overlaps; what the core does beyond it is in ``sim.network.cycles``.
"""

from math import ceil

__all__ = ["DATAFLOWS", "input_stationary_cycles", "output_stationary_cycles", "weight_stationary_cycles"]


def output_stationary_cycles(m: int, k: int, n: int, rows: int, columns: int) -> int:
    """A cell keeps one output while k products stream by: k + skew of rows and columns, in m/rows x n/columns folds."""
    return ceil(m / rows) * ceil(n / columns) * (rows + columns + k - 2) - 1


def weight_stationary_cycles(m: int, k: int, n: int, rows: int, columns: int) -> int:
    """A cell keeps one weight: ``rows`` cycles to load them, then m rows of A, in k/rows x n/columns folds."""
    return ceil(k / rows) * ceil(n / columns) * (2 * rows + columns + m - 2) - 1


def input_stationary_cycles(m: int, k: int, n: int, rows: int, columns: int) -> int:
    """A cell keeps one element of A: ``rows`` cycles to load them, then n columns of B, in k/rows x m/columns folds."""
    return ceil(k / rows) * ceil(m / columns) * (2 * rows + columns + n - 2) - 1


DATAFLOWS = {"os": output_stationary_cycles, "ws": weight_stationary_cycles, "is": input_stationary_cycles}
"""The closed forms by SCALE-Sim's names."""
