"""Module names: the same for the same parameters, and only for them."""

import hashlib
import json
import re

__all__ = ["DIGEST_DIGITS", "check_identifier", "digest", "named"]

DIGEST_DIGITS = 8
"""Hexadecimal digits of a digest: among a thousand machines two of one name have odds of one in 8,000."""


def named(kind: str, /, *made_for: str, **parameters: int | str | tuple[int | str, ...] | None) -> str:
    """``kind`` with what it is made of: ``named("dot_product", m=4, d=64, body="dsp")`` is ``dot_product_m4_d64_dsp``.

    Numbers follow their letters, words stand alone, the elements of a tuple follow one another, ``True`` is the
    parameter's own name; what is 0, false, empty or ``None`` is left out. A component's text must be a function of
    what its name is made of.

    Parameters
    ----------
    kind
        the component's, in lower case.
    made_for
        names that stand for many parameters at once, of a machine or of a part, at the end.
    parameters
        the others, by the letters that stand for them.
    """
    parts = [kind]
    for letters, value in parameters.items():
        if value is True:
            parts.append(letters)
        elif isinstance(value, str):
            parts.append(value)
        elif isinstance(value, tuple):
            numbers = all(isinstance(element, int) for element in value)
            parts.append((letters if numbers else "") + "_".join(map(str, value)))
        elif value:
            parts.append(f"{letters}{value}")
    return "_".join(filter(None, (*parts, *made_for)))


def digest(values: dict[str, object]) -> str:
    """A short digest of JSON-ready values, the same in every order of the keys."""
    text = json.dumps(values, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:DIGEST_DIGITS]


def check_identifier(name: str, value: str) -> None:
    """Refuse a module's name, or the beginning of one, that Verilog would not take.

    Raises
    ------
    ValueError
        Naming the parameter, the rule and the value.
    """
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", value):
        raise ValueError(f"{name} must be letters, digits and underscores, no digit in front, not {value or 'nothing'}")
