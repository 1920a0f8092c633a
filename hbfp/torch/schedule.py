# Ref: S. B. Harma et al., "Accuracy Booster: Enabling 4-bit Fixed-point Arithmetic for DNN Training",
# arXiv 2211.10737, v2 2022 (last epochs) and v3 2023 (first and last layers).
"""Which mantissa width a layer has now: rules composed one after the other, the last that applies decides.

>>> booster = Schedule(4).ends(6).last_epochs(1, 6)
>>> five_bits_in_the_head = booster.layers("head", 5)
>>> late_switch = Schedule(4).ends(6).from_step(10_000, 6)
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase

import golden
from golden.format import check_range

__all__ = ["Place", "Schedule", "schedule"]

WIDTHS = (2, 12)


@dataclass(frozen=True)
class Place:
    """Where and when a product is made.

    Attributes
    ----------
    layer
        the layer's name in its model.
    first, last
        whether it is the first or last of the model's layers with products.
    epoch, epochs, step
        from 0; how many epochs there will be; steps since the run began.
    """

    layer: str = ""
    first: bool = False
    last: bool = False
    epoch: int = 0
    epochs: int = 1
    step: int = 0


@dataclass(frozen=True)
class Rule:
    """A width, and where it holds; written as ``kind`` and ``argument`` so that a checkpoint can hold it."""

    kind: str
    argument: str | int
    width: int

    def applies(self, place: Place) -> bool:
        """Whether the width holds at this place."""
        return TESTS[self.kind](place, self.argument)


TESTS: dict[str, Callable[[Place, str | int], bool]] = {
    "ends": lambda place, _: place.first or place.last,
    "layers": lambda place, pattern: fnmatchcase(place.layer, str(pattern)),
    "last_epochs": lambda place, count: place.epoch >= place.epochs - int(count),
    "from_epoch": lambda place, epoch: place.epoch >= int(epoch),
    "from_step": lambda place, step: place.step >= int(step),
}


@dataclass(frozen=True)
class Schedule:
    """Mantissa widths over layers, epochs and steps.

    Parameters
    ----------
    width
        bits of a mantissa, sign included, where no rule applies (2 … 12).
    rules
        applied in order; made by the methods.

    Raises
    ------
    TypeError, ValueError
        for a width, a count or a pattern that cannot be.
    """

    width: int
    rules: tuple[Rule, ...] = ()

    def __post_init__(self) -> None:
        check_range("width", self.width, *WIDTHS)

    def ends(self, width: int) -> "Schedule":
        """Another width in the first and last layers."""
        return self._with("ends", "", width)

    def layers(self, pattern: str, width: int) -> "Schedule":
        """Another width in the layers whose name matches (``fnmatch``)."""
        if not isinstance(pattern, str) or not pattern:
            raise TypeError(f"pattern must be a string that is not empty, not {pattern!r}")
        return self._with("layers", pattern, width)

    def last_epochs(self, count: int, width: int) -> "Schedule":
        """Another width everywhere in the last ``count`` epochs."""
        return self._with("last_epochs", count, width)

    def from_epoch(self, epoch: int, width: int) -> "Schedule":
        """Another width everywhere from this epoch (from 0) on."""
        return self._with("from_epoch", epoch, width)

    def from_step(self, step: int, width: int) -> "Schedule":
        """Another width everywhere from this step (from 0) on."""
        return self._with("from_step", step, width)

    def _with(self, kind: str, argument: str | int, width: int) -> "Schedule":
        check_range("width", width, *WIDTHS)
        if kind not in ("ends", "layers"):
            check_range("count" if kind == "last_epochs" else kind.removeprefix("from_"), int(argument), 0, 2**40)
        return replace(self, rules=(*self.rules, Rule(kind, argument, width)))

    def mantissa_width(self, place: Place) -> int:
        """Bits of both operands' mantissas, in each of the layer's products."""
        return next((rule.width for rule in reversed(self.rules) if rule.applies(place)), self.width)

    def unmatched(self, layers: list[str]) -> list[str]:
        """Patterns that name no layer."""
        patterns = [str(rule.argument) for rule in self.rules if rule.kind == "layers"]
        return [p for p in patterns if not any(fnmatchcase(layer, p) for layer in layers)]

    def state(self) -> dict[str, object]:
        """As plain numbers and strings, for a checkpoint."""
        return {"width": self.width, "rules": [[r.kind, r.argument, r.width] for r in self.rules]}

    @classmethod
    def from_state(cls, state: dict[str, object]) -> "Schedule":
        """From ``state()``."""
        rules = state["rules"]
        if not isinstance(rules, list) or not isinstance(state["width"], int):
            raise TypeError(f"state must be of a schedule, not {state!r}")
        return cls(state["width"], tuple(Rule(*rule) for rule in rules))


def schedule(of: "str | int | Schedule | golden.WidthSchedule") -> Schedule:
    """A schedule from a width, a name of ``golden.schedule`` ("booster", "all-4"), or one of golden's objects.

    Raises
    ------
    TypeError, ValueError
        for anything else.
    """
    if isinstance(of, Schedule):
        return of
    if isinstance(of, int) and not isinstance(of, bool):
        return Schedule(of)
    if isinstance(of, str):
        of = golden.schedule(of)
    if not isinstance(of, golden.WidthSchedule):
        raise TypeError(f"schedule must be a width, a name or a Schedule, not {of!r}")
    plan = Schedule(of.width)
    if of.wide_ends:
        plan = plan.ends(of.wide)
    return plan.last_epochs(of.wide_epochs, of.wide) if of.wide_epochs else plan
