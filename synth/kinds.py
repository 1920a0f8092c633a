"""Records read from files, held to the kinds that their classes say."""

from dataclasses import fields, is_dataclass
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

__all__ = ["check_kinds"]

LARGEST = 1e15


def check_kinds(record: Any) -> None:
    """Check every member of a dataclass's object against its annotation, nested ones, tables and sequences too.

    Numbers must be between 0 and ``LARGEST``: they are sizes, counts, areas and times.

    Raises
    ------
    TypeError, ValueError
        naming the first member that is something else.
    """
    kinds = get_type_hints(type(record))
    for member in fields(record):
        _check(getattr(record, member.name), kinds[member.name], member.name)


def _check(value: Any, kind: Any, name: str) -> None:
    origin, arguments = get_origin(kind), get_args(kind)
    if origin in (Union, UnionType):
        if value is None and NoneType in arguments:
            return
        (kind,) = (one for one in arguments if one is not NoneType)
        origin, arguments = get_origin(kind), get_args(kind)
    if kind is Any:
        return
    wanted = origin or kind
    allowed = (int, float) if wanted is float else wanted
    if not isinstance(value, allowed) or (isinstance(value, bool) and wanted is not bool):
        raise TypeError(f"{name} must be of kind {wanted.__name__}, not {value!r}")
    if isinstance(value, int | float) and not 0 <= value <= LARGEST:
        raise ValueError(f"{name} must be between 0 and {LARGEST:g}, not {value}")
    if is_dataclass(value):
        check_kinds(value)
    elif isinstance(value, dict) and arguments:
        for key, one in value.items():
            _check(one, arguments[1], f"{name}.{key}")
    elif isinstance(value, list | tuple) and arguments:
        for place, one in enumerate(value):
            _check(one, arguments[0] if wanted is list or arguments[-1] is ... else arguments[place], f"{name}[{place}]")
