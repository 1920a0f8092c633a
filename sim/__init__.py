"""The cycle-level simulator: exact cycles of the core, whole networks, and what they need of memory and links."""

from importlib import import_module

_PUBLIC = {
    "Cluster": "sim.parallel",
    "CoreConfig": "hw.config",
    "Cycles": "sim.cycles",
    "Estimate": "sim.result",
    "Link": "sim.parallel",
    "Memory": "sim.memory",
    "Physical": "sim.synthesis",
    "estimate": "sim.network",
    "load": "sim.workloads",
    "product_cycles": "sim.cycles",
    "read_results": "sim.synthesis",
    "schedule": "sim.workloads",
    "sweep": "sim.explore",
}

__all__ = sorted(_PUBLIC)


def __getattr__(name: str):
    """Import a public name from its module when it is first used."""
    if name not in _PUBLIC:
        raise AttributeError(f"module sim has no attribute {name}")
    return getattr(import_module(_PUBLIC[name]), name)
