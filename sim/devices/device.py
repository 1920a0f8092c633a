"""The one interface to a machine, wherever it is."""

from collections import Counter

import numpy as np
from numpy.typing import ArrayLike, NDArray

import golden
from hw.config import CoreConfig
from sim.devices.jobs import FORMATS, Matrix, Prepared, Task, widest_rows
from sim.network.cycles import check_width
from sim.network.plan import panels

__all__ = ["HEALTH", "RESULTS", "Device"]

HEALTH = ("saturated", "flushed", "nan_blocks")
"""Counters of what conversions into blocks lost. Operands count as often as they are loaded."""
RESULTS = ("overflows", "nan_results")
"""Counters of what became of the results."""
OPERANDS = {"fp32": "", "bfloat16": "bfloat16", "packed": "packed"}
"""What operands may be sent as, and the feature it needs."""
OUTPUTS = {"fp32": None, "bfloat16": "bfloat16", "blocks": "requantize"}
"""What C may be, and the feature it needs."""


class Device:
    """A core with the commands for products of any size. Not for use by several threads at once.

    Parameters
    ----------
    config
        the machine.
    """

    operands = "fp32"
    """What operands are sent as, of ``OPERANDS``."""

    def __init__(self, config: CoreConfig):
        self.config = config
        self._converted: Counter[str] = Counter()

    def _send_as(self, operands: str, *choices: str) -> None:
        """Choose what operands are sent as, out of those that this kind of device knows.

        Raises
        ------
        ValueError
            for what it does not know or the machine cannot take.
        """
        known = [name for name in choices if OPERANDS[name] in ("", *self.config.features)]
        if operands not in known:
            raise ValueError(f"operands must be one of the machine's {', '.join(known)}, not {operands}")
        self.operands = operands

    def _count_converted(self, task: Task, blocks: dict[str, golden.BlockTensor]) -> None:
        """Add what was lost where golden converted operands, each as often as it is loaded."""
        for operand, loads in zip(blocks.values(), task.loads(self.config), strict=False):
            for name in HEALTH:
                self._converted[name] += loads * getattr(operand.health, name)

    def _with_converted(self, counters: dict[str, int]) -> dict[str, int]:
        """A core's counters with what golden converted for it."""
        return counters | {name: counters[name] + self._converted[name] for name in HEALTH}

    def matmul(
        self, a: ArrayLike, b: ArrayLike, *, width_a: int | None = None, width_b: int | None = None,
        rounding: str = "nearest", seed_a: int | None = None, seed_b: int | None = None,
        bias: NDArray[np.float32] | None = None, relu: bool = False, output: str = "fp32", width_c: int | None = None,
        seed_c: int | None = None, prepared: Prepared | None = None,
    ) -> Matrix:  # fmt: skip
        """``a @ b`` in the machine's blocks, and what the machine does to its results: the same bits from every device.

        Parameters
        ----------
        a
            float32, shape (rows, inner).
        b
            float32, shape (inner, columns).
        width_a, width_b
            mantissa widths in bits (default: the machine's narrowest).
        rounding
            into blocks, one of the machine's.
        seed_a, seed_b
            of its stochastic rounding, 1 … 2**32 - 1.
        bias
            float32, shape (columns,), added to each row.
        relu
            then replace negative numbers by 0.
        output
            "fp32", "bfloat16" or "blocks"; these are made with ``width_c``, ``rounding`` and ``seed_c``.
        prepared
            the commands of a compiled program that do this product on this machine, instead of the plan's.

        Returns
        -------
        NDArray[np.float32] | golden.BlockTensor
            float32, shape (rows, columns), for bfloat16 rounded to it; or that matrix in blocks along axis 1.

        Raises
        ------
        TypeError, ValueError
            for operands that are not float32 matrices of matching shapes; for what the machine cannot do.
            Stochastic rounding needs a reduction that the operand buffers hold whole, and that of C into blocks a C
            no wider than a panel of the result buffer.
        """
        for name, x in (("a", a), ("b", b)):
            if isinstance(x, np.ma.MaskedArray):
                raise TypeError(f"{name} must be an array without a mask")
            if isinstance(x, golden.BlockTensor):
                raise TypeError(f"{name} must be a float32 matrix, of which the device makes blocks, not a BlockTensor")
        a, b = np.asarray(a), np.asarray(b)
        for name, x in (("a", a), ("b", b)):
            if x.dtype != np.float32:
                raise TypeError(f"{name} must be float32, not {x.dtype}")
            if x.ndim != 2 or not x.size:
                raise ValueError(f"{name} must be a matrix with elements, not of shape {x.shape}")
        if a.shape[1] != b.shape[0]:
            raise ValueError(f"a's {a.shape[1]} columns must be as many as b's {b.shape[0]} rows")
        narrowest = self.config.mantissa_widths[0]
        widths = (narrowest if width is None else width for width in (width_a, width_b, width_c))
        width_a, width_b, width_c = widths
        for width in (width_a, width_b, width_c):
            check_width(self.config, width)
        self._check_output(b.shape[1], bias, relu, output)
        wanted = {"seed_a": seed_a, "seed_b": seed_b} | ({"seed_c": seed_c} if output == "blocks" else {})
        seeds = self._seeds(a.shape[0], a.shape[1], b.shape[1], rounding, wanted)
        # Raises where a block of C has no room.
        panels(self.config, a.shape[0], a.shape[1], b.shape[1], FORMATS[output])
        packed = self.operands == "packed"
        if prepared is not None and prepared.sizes != (*a.shape, b.shape[1]):
            asked = " x ".join(map(str, (*a.shape, b.shape[1])))
            raise ValueError(f"prepared must be a product of {asked}, not {' x '.join(map(str, prepared.sizes))}")
        return self._product(Task(a, b, width_a, width_b, width_c, rounding, seeds, bias, bool(relu), output, packed, prepared))

    def _check_output(self, columns: int, bias: object, relu: object, output: str) -> None:
        if not isinstance(relu, bool | np.bool_):
            raise TypeError(f"relu must be True or False, not {relu!r}")
        if not isinstance(output, str) or output not in OUTPUTS:
            raise ValueError(f"output must be one of {', '.join(OUTPUTS)}, not {output}")
        if bias is not None:
            if not isinstance(bias, np.ndarray) or bias.dtype != np.float32:
                raise TypeError(f"bias must be a float32 array, not {getattr(bias, 'dtype', bias)!s}")
            if bias.shape != (columns,):
                raise ValueError(f"bias must have shape {(columns,)}, not {bias.shape}")
        wanted = (("bias", bias is not None or relu, "bias"), (f"output {output}", OUTPUTS[output], OUTPUTS[output]))
        for name, used, feature in wanted:
            if used and feature not in self.config.features:
                has = ", ".join(self.config.features) or "none"
                raise ValueError(f"{name} needs a machine with the feature {feature}; this one has {has}")

    def _seeds(
        self, rows: int, inner: int, columns: int, rounding: str, seeds: dict[str, int | None]
    ) -> dict[str, int]:
        """The seeds of stochastic rounding, of which there are none in another."""
        config = self.config
        if rounding not in config.rounding_modes:
            known = ", ".join(config.rounding_modes)
            raise ValueError(f"rounding must be one of the configuration's {known}, not {rounding}")
        if rounding != "stochastic":
            return {}
        checked = {}
        for name, seed in seeds.items():
            if not isinstance(seed, int | np.integer) or not 0 < seed < 1 << 32:
                raise ValueError(f"{name} must be between 1 and 4294967295, not {seed}")
            checked[name] = int(seed)
        if panels(config, rows, inner, columns).inner_panels > 1:
            longest = config.operand_depth * config.block_size
            raise ValueError(f"stochastic rounding needs an inner size of at most {longest}, not {inner}")
        widest = widest_rows(config, inner)
        if "seed_c" in checked and columns > widest:
            raise ValueError(f"stochastic rounding of C needs at most {widest} columns, not {columns}")
        return checked

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

    def _product(self, task: Task) -> Matrix:
        raise NotImplementedError
