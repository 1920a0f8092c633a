"""Mutants of Python modules: the operators of Cosmic Ray, one of each family at every place."""

import hashlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, lru_cache
from itertools import zip_longest
from pathlib import Path

import parso
from cosmic_ray.ast import ast_nodes
from cosmic_ray.mutating import mutate_code
from cosmic_ray.plugins import get_operator, operator_names

__all__ = ["ROOT", "Mutant", "digest", "mutants"]

ROOT = Path(__file__).parents[2]
FAMILIES = ("BinaryOperator", "ComparisonOperator", "UnaryOperator")
"""Operators that replace one thing by many: at each place one of them is taken."""
LEFT_OUT = ("VariableInserter", "VariableReplacer", "ExceptionReplacer")
"""Operators that want to be told names, and one that stops at exceptions with a dot in their names."""


def digest(*parts) -> str:
    """Sixteen hexadecimal digits of anything."""
    return hashlib.sha256("\0".join(map(str, parts)).encode()).hexdigest()[:16]


@dataclass(frozen=True)
class Mutant:
    """One change of a module.

    Attributes
    ----------
    key
        name of the mutant, the same wherever in the file its line stands, as long as the line stays.
    module
        path of the file below the root.
    line
        number of its line.
    operator, occurrence
        what Cosmic Ray makes it with.
    """

    key: str
    module: str
    line: int
    operator: str
    occurrence: int

    def text(self) -> str:
        """The module with the change."""
        return _mutated((ROOT / self.module).read_text(), self.operator, self.occurrence)

    def compiles(self) -> bool:
        """Whether the changed module is Python at all."""
        try:
            compile(self.text(), self.module, "exec", dont_inherit=True)
        except SyntaxError:
            return False
        return True

    def change(self) -> tuple[str, str]:
        """The line without the change and with it."""
        pairs = zip_longest((ROOT / self.module).read_text().splitlines(), self.text().splitlines(), fillvalue="")
        return next(((old.strip(), new.strip()) for old, new in pairs if old != new), ("", ""))


@cache
def _operators() -> dict[str, object]:
    return {name: get_operator(name)() for name in sorted(operator_names()) if not name.endswith(LEFT_OUT)}


@lru_cache(maxsize=1024)
def _mutated(text: str, operator: str, occurrence: int) -> str:
    return mutate_code(text, _operators()[operator], occurrence)


def _family(operator: str) -> str:
    name = operator.removeprefix("core/")
    return next((family for family in FAMILIES if name.startswith(f"Replace{family}")), name)


def _is_annotation(node) -> bool:
    """Whether a node says a type, which nothing reads when the program runs."""
    while node.parent is not None:
        children = node.parent.children
        before = children[children.index(node) - 1]
        if node.parent.type in ("tfpdef", "annassign") and before == ":":
            return True
        if node.parent.type == "funcdef" and before == "->":
            return True
        node = node.parent
    return False


def _places(text: str) -> Iterator[tuple[str, int, tuple[int, int]]]:
    """Operators, their occurrences, and the line and column of each."""
    nodes = list(ast_nodes(parso.parse(text)))
    for name, operator in _operators().items():
        occurrence = 0
        for node in nodes:
            for start, _ in operator.mutation_positions(node):
                if not _is_annotation(node):
                    yield name, occurrence, start
                occurrence += 1


def mutants(module: str) -> list[Mutant]:
    """Mutants of a module, in the order of the file; always the same ones as long as its lines are."""
    text = (ROOT / module).read_text()
    lines = text.splitlines()
    chosen: dict[tuple, tuple] = {}
    for name, occurrence, (line, column) in _places(text):
        place = _family(name), line, column
        offer = digest(module, lines[line - 1].strip(), column, name), name, occurrence
        chosen[place] = min(chosen.get(place, offer), offer)
    found, seen = [], Counter()
    for (_, line, _), (order, name, occurrence) in sorted(chosen.items(), key=lambda item: item[0][1:]):
        seen[order] += 1
        found.append(Mutant(digest(order, seen[order]), module, line, name, occurrence))
    return found
