"""One interface to the machine: golden values, golden values with exact cycles, or the compiled Verilog itself."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

import golden
from golden.stochastic import leap
from hw.config import CoreConfig
from sim.cycles import check_width
from sim.model import CoreModel, Rates
from sim.plan import panels, pieces, plan

__all__ = ["CycleDevice", "Device", "GoldenDevice", "RtlDevice"]

HEALTH = ("saturated", "flushed", "nan_blocks")
"""Counters of what conversions into blocks lost. Operands count as often as they are loaded."""
RESULTS = ("overflows", "nan_results")
"""Counters of what became of the results."""


class Device:
    """A core with the commands for products of any size. Not for use by several threads at once.

    Parameters
    ----------
    config : the machine.
    """

    def __init__(self, config: CoreConfig):
        self.config = config

    def matmul(
        self, a: ArrayLike, b: ArrayLike, *, width_a: int | None = None, width_b: int | None = None,
        rounding: str = "nearest", seed_a: int | None = None, seed_b: int | None = None,
    ) -> NDArray[np.float32]:  # fmt: skip
        """``a @ b`` in the machine's blocks: the same bits from every device.

        Parameters
        ----------
        a : float32, shape (rows, inner). b : float32, shape (inner, columns).
        width_a, width_b : mantissa widths in bits (default: the machine's narrowest).
        rounding : into blocks, one of the machine's. seed_a, seed_b : of its stochastic rounding, 1 … 2**32 - 1.

        Returns
        -------
        float32, shape (rows, columns).

        Raises
        ------
        TypeError, ValueError : for operands that are not float32 matrices of matching shapes; for what the machine
            cannot do. Stochastic rounding needs a reduction that the operand buffers hold whole.
        """
        a, b = np.asarray(a), np.asarray(b)
        for name, x in (("a", a), ("b", b)):
            if x.dtype != np.float32:
                raise TypeError(f"{name} must be float32, not {x.dtype}")
            if x.ndim != 2 or not x.size:
                raise ValueError(f"{name} must be a matrix with elements, not of shape {x.shape}")
        if a.shape[1] != b.shape[0]:
            raise ValueError(f"a's {a.shape[1]} columns must be as many as b's {b.shape[0]} rows")
        widths = tuple(self.config.mantissa_widths[0] if width is None else width for width in (width_a, width_b))
        for width in widths:
            check_width(self.config, width)
        if rounding not in self.config.rounding_modes:
            known = ", ".join(self.config.rounding_modes)
            raise ValueError(f"rounding must be one of the configuration's {known}, not {rounding}")
        seeds = (seed_a, seed_b) if rounding == "stochastic" else (1, 1)
        for name, seed in zip(("seed_a", "seed_b"), seeds, strict=True):
            if not isinstance(seed, int | np.integer) or not 0 < seed < 1 << 32:
                raise ValueError(f"{name} must be between 1 and 4294967295, not {seed}")
        if rounding == "stochastic" and panels(self.config, a.shape[0], a.shape[1], b.shape[1]).inner_panels > 1:
            raise ValueError(
                f"stochastic rounding needs an inner size of at most "
                f"{self.config.operand_depth * self.config.block_size}, not {a.shape[1]}"
            )
        return self._product(a, b, widths, rounding, seeds)

    def reset(self) -> None:
        """As after power-on, all counters 0."""
        raise NotImplementedError

    @property
    def counters(self) -> dict[str, int]:
        """The core's counters, as far as the device has them; names as in ``hw.core.counters``."""
        raise NotImplementedError

    @property
    def cycles(self) -> int | None:
        """Cycles since reset; None if the device has no time."""
        return self.counters.get("cycles")

    @property
    def block_size(self) -> int:
        """Elements along the reduction axis that share an exponent."""
        return self.config.block_size

    def health(self) -> golden.Health:
        """What all conversions since reset lost. Operands count as often as they are loaded."""
        counters = self.counters
        return golden.Health(**{name: counters[name] for name in HEALTH})

    def _product(self, a, b, widths, rounding, seeds) -> NDArray[np.float32]:
        raise NotImplementedError


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

    def _product(self, a, b, widths, rounding, seeds) -> NDArray[np.float32]:
        config = self.config
        loads = panels(config, a.shape[0], a.shape[1], b.shape[1]).loads
        blocks = []
        for x, axis, width, seed, count in zip((a, b), (1, 0), widths, seeds, loads, strict=True):
            block_format = golden.BlockFormat(width, config.block_size, config.exponent_width)
            blocks.append(golden.quantize(x, block_format, axis, rounding, int(seed)))
            for name in HEALTH:
                self._health[name] += count * getattr(blocks[-1].health, name)
        c = golden.matmul(*blocks, accumulator=self._accumulator)
        self._health["overflows"] += int(np.isinf(c).sum())
        self._health["nan_results"] += int(np.isnan(c).sum())
        return c


class CycleDevice(GoldenDevice):
    """Golden values with the exact cycles of the core.

    Parameters
    ----------
    config : the machine. rates : of its ports.
    """

    def __init__(self, config: CoreConfig, rates: Rates = Rates()):  # noqa: B008
        self._rates = rates
        super().__init__(config)

    def reset(self) -> None:
        """As after power-on, all counters 0."""
        super().reset()
        self._model = CoreModel(self.config, self._rates)

    @property
    def counters(self) -> dict[str, int]:
        """All cycle counters and those of values."""
        return self._model.counters | self._health

    def _product(self, a, b, widths, rounding, seeds) -> NDArray[np.float32]:
        c = super()._product(a, b, widths, rounding, seeds)
        self._model.run(plan(self.config, a.shape[0], a.shape[1], b.shape[1], *widths))
        return c


class RtlDevice(Device):
    """The generated Verilog, compiled on first use of a configuration.

    Parameters
    ----------
    config : the machine. rates : of its ports. quick : see ``sim.rtl.compile_core``.

    Raises
    ------
    RtlError : if it does not compile.
    """

    def __init__(self, config: CoreConfig, rates: Rates = Rates(), quick: bool = False):  # noqa: B008
        from sim.rtl import RtlCore

        super().__init__(config)
        self._rates = rates
        self._core = RtlCore(config, quick)

    def reset(self) -> None:
        """As after power-on, all counters 0."""
        self._core.reset()

    @property
    def counters(self) -> dict[str, int]:
        """All of the core's counters."""
        return self._core.counters()

    def _product(self, a, b, widths, rounding, seeds) -> NDArray[np.float32]:
        from hw.core.command import Rounding
        from sim.rtl import Product

        line = -(-a.shape[1] // self.config.block_size) * self.config.block_size
        parts = list(pieces(self.config, a.shape[0], a.shape[1], b.shape[1], *widths))
        products, places = [], []
        for command, row, inner, column in parts:
            rows, columns = slice(row, row + command.rows), slice(column, column + command.columns)
            reduction = slice(inner, inner + command.inner)
            fields = {
                "width_a": command.width_a, "width_b": command.width_b, "load_a": int(command.load_a),
                "load_b": int(command.load_b), "accumulate": int(command.accumulate), "store": int(command.store),
                "rounding": Rounding[rounding.upper()],
            }  # fmt: skip
            if rounding == "stochastic":
                fields |= {"seed_a": _later(seeds[0], row * line), "seed_b": _later(seeds[1], column * line)}
            products.append(Product(a[rows, reduction], b[reduction, columns], fields))
            places.append((rows, columns))
        results, _ = self._core.run(products, self._rates)
        c = np.empty((a.shape[0], b.shape[1]), np.float32)
        for (rows, columns), result in zip(places, results, strict=True):
            if result is not None:
                c[rows, columns] = result
        return c


def _later(seed: int, draws: int) -> int:
    """State of the random sequence ``draws`` numbers after ``seed``: what a part of a tensor begins with."""
    columns = leap(draws)
    return int(np.bitwise_xor.reduce(columns[[bit for bit in range(32) if seed >> bit & 1]]))
