"""What a user meets: the command ``hbfp``, and networks of theirs on machines of ours."""

from importlib import import_module
from types import ModuleType

__all__ = ["run", "torch", "train"]


def __getattr__(name: str) -> ModuleType:
    """Import a public name from its module when it is first used."""
    if name not in __all__:
        raise AttributeError(f"module hbfp has no attribute {name}")
    return import_module(f"hbfp.{name}")
