"""What the converted layers of a model share: the schedule, the format, the machine, seeds, counters."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from golden import BlockTensor, Health
from golden.format import check_choice, check_range
from hbfp.torch.formats import HBFP, STAGES, Format
from hbfp.torch.schedule import Place, Schedule, schedule

__all__ = ["Diverged", "Machine", "Run", "Slot", "device", "product_seed"]

MASK = (1 << 64) - 1


class Machine(Protocol):
    """What multiplies instead of this process: any device of ``sim.devices``."""

    def matmul(
        self, a: NDArray[np.float32] | BlockTensor, b: NDArray[np.float32] | BlockTensor, *, width_a: int, width_b: int,
        rounding: str, seed_a: int, seed_b: int,
    ) -> Any:  # fmt: skip
        """``a @ b``, float32, A in blocks along its rows and B along its columns."""
        ...


_machine: ContextVar[Machine | None] = ContextVar("machine", default=None)


@contextmanager
def device(machine: Machine | None) -> Iterator[Machine | None]:
    """Send every product of converted layers to a machine, with the same bits.

    Parameters
    ----------
    machine
        anything with ``matmul`` and ``block_size``; of the format's block size. None: this process.
    """
    token = _machine.set(machine)
    try:
        yield machine
    finally:
        _machine.reset(token)


class Diverged(ArithmeticError):
    """Training met a number that is not finite.

    Attributes
    ----------
    step, epoch
        from 0.
    layer, stage
        whose result it is.
    health
        what the conversions lost until then.
    """

    def __init__(self, step: int, epoch: int, layer: str, stage: str, health: Health):
        self.step, self.epoch, self.layer, self.stage, self.health = step, epoch, layer, stage, health
        super().__init__(
            f"training diverged at step {step} (epoch {epoch}): the {stage} product of layer {layer} is not finite; "
            f"so far {health.saturated} mantissas saturated, {health.flushed} were flushed to zero, "
            f"{health.nan_blocks} NaN blocks"
        )

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), (self.step, self.epoch, self.layer, self.stage, self.health)


def product_seed(run_seed: int, step: int, layer: int, stage: str, operand: int) -> int:
    """Seed of the stochastic rounding of one operand of one product, in 1 … 2**32 - 1.

    The numbers are absorbed one after the other by the finalizer of SplitMix64.
    """
    state = 0
    for number in (run_seed, step, layer, STAGES.index(stage), operand):
        state = (state ^ number) + 0x9E3779B97F4A7C15 & MASK
        state = (state ^ state >> 30) * 0xBF58476D1CE4E5B9 & MASK
        state = (state ^ state >> 27) * 0x94D049BB133111EB & MASK
        state ^= state >> 31
    return 1 + state % (2**32 - 1)


class Run:
    """The state of a model in HBFP.

    Parameters
    ----------
    plan
        mantissa widths: a ``Schedule``, a width or a name.
    format
        everything about the blocks but their mantissa width; or another format, which has no schedule.
    epochs
        of the whole run; needed by a schedule that counts back from the last, as "booster" does.
    seed
        of stochastic rounding, 1 … 2**32 - 1.
    nonfinite
        what a result that is not finite does: "raise" ``Diverged`` or "count" it in ``nonfinite_products``.

    Attributes
    ----------
    step, epoch
        from 0; ``attach`` counts steps, the training loop sets the epoch.
    slots
        one for each product of a layer's forward pass, in the model's order.
    """

    def __init__(
        self, plan: "Schedule | int | str" = "booster", format: Format | None = None, *,
        epochs: int | None = None, seed: int = 1, nonfinite: str = "raise",
    ):  # fmt: skip
        if epochs is not None:
            check_range("epochs", epochs, 1, 1 << 20)
        check_range("seed", seed, 1, 2**32 - 1)
        check_choice("nonfinite", nonfinite, ("raise", "count"))
        self.schedule = schedule(plan)
        self.format = format if format is not None else HBFP()
        if not isinstance(self.format, Format):
            raise TypeError(f"format must be a Format, not {format!r}")
        if epochs is None and any(rule.kind == "last_epochs" for rule in self.schedule.rules):
            raise ValueError("epochs must be given for a schedule with widths of its own in the last ones, not left out")
        self.epochs, self.seed, self.nonfinite = epochs or 1, seed, nonfinite
        self.step = self.epoch = self.nonfinite_products = 0
        self.slots: list[Slot] = []

    def slot(self, name: str) -> "Slot":
        """A new product's place, after those there are."""
        self.slots.append(Slot(self, name, len(self.slots)))
        return self.slots[-1]

    def attach(
        self, optimizer: torch.optim.Optimizer, log: Callable[[str, float, int], None] | None = None
    ) -> None:
        """Count the optimizer's steps; ``log(tag, value, step)`` gets the health counters after each."""

        def after(*_: Any) -> None:
            if log:
                for tag, value in self.scalars().items():
                    log(tag, value, self.step)
            self.step += 1

        optimizer.register_step_post_hook(after)

    def scalars(self) -> dict[str, float]:
        """Health counters and widths by tag, as a ``SummaryWriter.add_scalar`` takes them."""
        values: dict[str, float] = {"hbfp/nonfinite_products": self.nonfinite_products}
        for slot in self.slots:
            for name in ("saturated", "flushed", "nan_blocks"):
                values[f"hbfp/{slot.name}/{name}"] = getattr(slot.health, name)
            values[f"hbfp/{slot.name}/width"] = slot.width
        return values

    @property
    def health(self) -> Health:
        """What all conversions in this process lost."""
        return sum((slot.health for slot in self.slots), Health())

    def widths(self) -> dict[str, int]:
        """Mantissa width now, by the name of the layer."""
        return {slot.name: slot.width for slot in self.slots}

    def state_dict(self) -> dict[str, Any]:
        """For a checkpoint, beside the model's and the optimizer's."""
        return {
            "schedule": self.schedule.state(), "epochs": self.epochs, "seed": self.seed, "step": self.step,
            "epoch": self.epoch, "nonfinite_products": self.nonfinite_products,
        }  # fmt: skip

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """From ``state_dict()``; ``ValueError`` for what is not one."""
        lacking = [name for name in self.state_dict() if name not in state]
        if lacking:
            raise ValueError(f"state must be of a Run, with {lacking[0]}")
        self.schedule = Schedule.from_state(state["schedule"])
        for name in ("epochs", "seed", "step", "epoch", "nonfinite_products"):
            setattr(self, name, int(state[name]))


class Slot:
    """One product of a layer, and those of its gradients.

    Attributes
    ----------
    name
        the layer's.
    index
        among the run's.
    training
        whether products are rounded as the format says, or to nearest.
    health
        what its conversions lost.
    """

    def __init__(self, run: Run, name: str, index: int):
        self.run, self.name, self.index = run, name, index
        self.training = True
        self.health = Health()
        self._calls = (-1, 0)

    @property
    def place(self) -> Place:
        """Where and when, for the schedule."""
        run = self.run
        return Place(self.name, self.index == 0, self.index == len(run.slots) - 1, run.epoch, run.epochs, run.step)

    @property
    def width(self) -> int:
        """Mantissa width now."""
        return self.run.schedule.mantissa_width(self.place)

    def rounding(self, stage: str) -> str:
        """Rounding now, of the operands of this product."""
        return self.run.format.rounding_of(stage) if self.training else "nearest"

    @property
    def machine(self) -> Machine | None:
        """What multiplies instead of this process."""
        machine = _machine.get()
        if machine is not None:
            self.run.format.check_machine(machine)
        return machine

    def call(self) -> int:
        """Number of this use of the slot in this step; every use draws other random numbers."""
        step, count = self._calls
        self._calls = (self.run.step, count + 1 if step == self.run.step else 0)
        return self._calls[1]

    def seeds(self, stage: str, call: int) -> tuple[int, int]:
        """Of both operands."""
        seed, step = self.run.seed, self.run.step
        return (
            product_seed(seed, step, self.index, stage, 2 * call),
            product_seed(seed, step, self.index, stage, 2 * call + 1),
        )

    def check(self, result: torch.Tensor, stage: str) -> torch.Tensor:
        """The result, unless it is not finite and that is an error."""
        if not torch.isfinite(result.sum()) and not torch.isfinite(result).all():
            self.run.nonfinite_products += 1
            if self.run.nonfinite == "raise":
                raise Diverged(self.run.step, self.run.epoch, self.name, stage, self.run.health)
        return result


def contiguous(x: torch.Tensor) -> NDArray[np.float32]:
    """A tensor as a contiguous array in this process's memory."""
    array: NDArray[np.float32] = x.detach().contiguous().cpu().numpy()
    return array
