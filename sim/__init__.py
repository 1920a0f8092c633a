"""The cycle-level simulator: exact cycles of the core, whole networks, and what they need of memory and links."""

from importlib import import_module

_PUBLIC = {
    "Cluster": "sim.network.parallel",
    "CoreConfig": "hw.config",
    "Cycles": "sim.network.cycles",
    "Estimate": "sim.network.result",
    "Link": "sim.network.parallel",
    "Memory": "sim.network.memory",
    "Physical": "sim.network.synthesis",
    "estimate": "sim.network.estimate",
    "load": "sim.workloads",
    "product_cycles": "sim.network.cycles",
    "read_results": "sim.network.synthesis",
    "schedule": "sim.workloads",
    "sweep": "sim.study.explore",
}

__all__ = sorted(_PUBLIC)


def __getattr__(name: str) -> object:
    """Import a public name from its module when it is first used."""
    if name not in _PUBLIC:
        raise AttributeError(f"module sim has no attribute {name}")
    return getattr(import_module(_PUBLIC[name]), name)
