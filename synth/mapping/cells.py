"""Boolean functions of Liberty cells, as Python functions over integers that hold one bit per simulated lane."""

import re
from collections.abc import Callable
from functools import cache

__all__ = ["compile_function", "truth_table"]


@cache
def compile_function(function: str, inputs: tuple[str, ...]) -> Callable[..., int]:
    """A Liberty expression as a function of ``(mask, *inputs)``; ``!`` and ``'`` negate, juxtaposition is AND.

    Raises
    ------
    ValueError
        for anything that is not such an expression.
    """
    tokens = re.findall(r"[A-Za-z_][\w\[\]]*|[01]|[()!'&*|+^]", function)
    places = {name: f"x{i}" for i, name in enumerate(inputs)}

    def atom() -> str:
        if not tokens:
            raise ValueError(f"function {function!r} ends early")
        token = tokens.pop(0)
        if token == "!":
            result = f"(mask ^ {atom()})"
        elif token == "(":
            result = either()
            if not tokens:
                raise ValueError(f"function {function!r} ends early")
            tokens.pop(0)
        elif token in ("0", "1"):
            result = "mask" if token == "1" else "0"
        elif token in places:
            result = places[token]
        else:
            raise ValueError(f"function {function!r} has the unknown pin {token}")
        while tokens and tokens[0] == "'":
            tokens.pop(0)
            result = f"(mask ^ {result})"
        return result

    def difference() -> str:
        result = atom()
        while tokens and tokens[0] == "^":
            tokens.pop(0)
            result = f"({result} ^ {atom()})"
        return result

    def both() -> str:
        result = difference()
        while tokens and tokens[0] not in ("|", "+", ")"):
            if tokens[0] in ("&", "*"):
                tokens.pop(0)
            result = f"({result} & {difference()})"
        return result

    def either() -> str:
        result = both()
        while tokens and tokens[0] in ("|", "+"):
            tokens.pop(0)
            result = f"({result} | {both()})"
        return result

    code = either()
    if tokens:
        raise ValueError(f"function {function!r} does not parse")
    compiled: Callable[..., int] = eval(f"lambda mask, {', '.join(places.values())}: {code}")
    return compiled


def truth_table(function: str, inputs: list[str]) -> int | None:
    """The function's values, bit ``i`` for inputs that spell ``i`` (first lowest); ``None`` if it does not parse."""
    count = 1 << len(inputs)
    mask = (1 << count) - 1
    columns = [sum(1 << i for i in range(count) if i >> place & 1) for place in range(len(inputs))]
    try:
        return compile_function(function, tuple(inputs))(mask, *columns)
    except ValueError:
        return None
