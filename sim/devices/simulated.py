"""Machines in this process: golden values, golden values with exact cycles, or the compiled Verilog itself."""

from typing import TYPE_CHECKING

import numpy as np

import golden
from hw.config import CoreConfig
from sim.devices.device import HEALTH, RESULTS, Device
from sim.devices.job import Job
from sim.devices.jobs import Assembly, Matrix, Task, block_format, commands, jobs, part_of
from sim.model import CoreModel, Rates

if TYPE_CHECKING:
    from sim.rtl.core import RtlProduct

__all__ = ["CycleDevice", "GoldenDevice", "RtlDevice"]


class GoldenDevice(Device):
    """The golden model as a device: values and health, no time."""

    def __init__(self, config: CoreConfig):
        super().__init__(config)
        self._accumulator = golden.accumulator(config.accumulator, config.block_sum_width)
        self.reset()

    def reset(self) -> None:
        """As after power-on, all counters 0."""
        self._health = dict.fromkeys(HEALTH + RESULTS, 0)

    @property
    def counters(self) -> dict[str, int]:
        """Those of values: ``HEALTH`` and ``RESULTS``."""
        return dict(self._health)

    def _product(self, task: Task) -> Matrix:
        config = self.config
        blocks = {name: task.blocks(name, config) for name in "ab"}
        for health, loads in task.losses(config, blocks):
            self._count(health, loads)
        c = golden.matmul(task.rows_of(blocks["a"]), blocks["b"], accumulator=self._accumulator)
        self._health["overflows"] += int(np.isinf(c).sum())
        self._health["nan_results"] += int(np.isnan(c).sum())
        c = golden.finish(c, task.bias, task.relu)
        if task.output == "bfloat16":
            return (golden.to_bfloat16(c).astype(np.uint32) << 16).view(np.float32)
        if task.output == "blocks":
            packed = golden.quantize(c, block_format(config, task.width_c), 1, task.rounding, task.seeds.get("seed_c"))
            self._count(packed.health)
            return packed
        return c

    def _count(self, health: golden.Health, times: int = 1) -> None:
        for name in HEALTH:
            self._health[name] += times * getattr(health, name)


class CycleDevice(GoldenDevice):
    """Golden values with the exact cycles of the core.

    Parameters
    ----------
    config
        the machine.
    rates
        of its ports.
    operands
        what they come as: "fp32", or "packed", converted by golden, to the bits that the core makes.

    Raises
    ------
    ValueError
        for operands that the machine cannot take.
    """

    def __init__(self, config: CoreConfig, rates: Rates = Rates(), operands: str = "fp32"):  # noqa: B008
        self._rates = rates
        super().__init__(config)
        self._send_as(operands, "fp32", "packed")

    def reset(self) -> None:
        """As after power-on, all counters 0."""
        super().reset()
        self._model = CoreModel(self.config, self._rates)

    @property
    def counters(self) -> dict[str, int]:
        """All cycle counters and those of values."""
        return self._model.counters | self._health

    def _product(self, task: Task) -> Matrix:
        c = super()._product(task)
        self._model.run(commands(self.config, task))
        return c


class RtlDevice(Device):
    """The generated Verilog, compiled on first use of a configuration.

    Parameters
    ----------
    config
        the machine.
    rates
        of its ports.
    quick
        see ``sim.rtl.core.compile_core``.
    operands
        as of ``CycleDevice``.

    Raises
    ------
    RtlError
        if it does not compile.
    ValueError
        for operands that the machine cannot take.
    """

    def __init__(
        self, config: CoreConfig, rates: Rates = Rates(), quick: bool = False, operands: str = "fp32"  # noqa: B008
    ):  # fmt: skip
        from sim.rtl.core import RtlCore

        super().__init__(config)
        self._send_as(operands, "fp32", "packed")
        self._rates = rates
        self._core = RtlCore(config, quick)

    def reset(self) -> None:
        """As after power-on, all counters 0."""
        self._core.reset()
        self._converted.clear()

    @property
    def counters(self) -> dict[str, int]:
        """All of the core's counters."""
        return self._with_converted(self._core.counters())

    def _product(self, task: Task) -> Matrix:
        work = list(jobs(self.config, task))
        blocks = {name: task.blocks(name, self.config) for name in "ab"} if task.packed else {}
        self._count_converted(task, blocks)
        results, _ = self._core.run([self._command(task, job, blocks) for job in work], self._rates)
        c = Assembly(self.config, task)
        for job, result in zip(work, results, strict=True):
            if result is not None:
                c.put(job, result)
        return c.value()

    def _command(self, task: Task, job: Job, blocks: dict[str, golden.BlockTensor]) -> "RtlProduct":
        """A command with what it brings: of operands that golden has converted, their blocks."""
        from sim.rtl.core import RtlProduct

        packed = {
            name: golden.pack(part_of(blocks[name], *lines), self.config.load_lines).tobytes()
            if blocks and job.fields[f"load_{name}"] else b""
            for name, lines in (("a", job.lines_of_a), ("b", (job.columns, job.inner)))
        }  # fmt: skip
        a, b = task.operands(job)
        of_map = None if job.positions is None else a
        rows = a if of_map is None else np.broadcast_to(np.float32(0), (job.fields["rows"], job.fields["inner"]))
        return RtlProduct(rows, b, job.fields, packed["a"], packed["b"], task.bias_of(job), of_map)
