"""The one interface to a machine, wherever it is."""

from collections import Counter
from collections.abc import Mapping, Sequence
from math import prod
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

import golden
from golden.layers.convolution import output_size
from hw.command import OutputFormat
from hw.config import CoreConfig
from sim.devices.job import Prepared
from sim.devices.jobs import FORMATS, Matrix, Task, widest_rows
from sim.network.cycles import check_width
from sim.network.plan import panels
from sim.network.walks import saves, walkable
from sim.workloads.window import Window

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
    walked = False
    """Whether the latest product's A was a feature map."""

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

    def _count_converted(self, task: Task, blocks: Mapping[str, golden.BlockTensor]) -> None:
        """Add what was lost where golden converted operands, each as often as it is loaded."""
        for health, loads in task.losses(self.config, blocks) if blocks else ():
            for name in HEALTH:
                self._converted[name] += loads * getattr(health, name)

    def _with_converted(self, counters: dict[str, int]) -> dict[str, int]:
        """A core's counters with what golden converted for it."""
        return counters | {name: counters[name] + self._converted[name] for name in HEALTH}

    def matmul(
        self, a: ArrayLike, b: ArrayLike, *, width_a: int | None = None, width_b: int | None = None,
        rounding: str = "nearest", seed_a: int | None = None, seed_b: int | None = None,
        bias: NDArray[np.float32] | None = None, relu: bool = False, output: str = "fp32", width_c: int | None = None,
        seed_c: int | None = None, prepared: Prepared | None = None, window: Window | None = None,
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
        window
            walks over the feature map that ``a`` then is, shape (positions, channels): the product is that of its patches,
            and ``b`` has whole blocks of channels. ``convolve`` is a form of this that every machine has.

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
        if window is not None:
            self._check_window(a.shape, b.shape, window, output)
        elif a.shape[1] != b.shape[0]:
            raise ValueError(f"a's {a.shape[1]} columns must be as many as b's {b.shape[0]} rows")
        narrowest = self.config.mantissa_widths[0]
        widths = (narrowest if width is None else width for width in (width_a, width_b, width_c))
        width_a, width_b, width_c = widths
        for width in (width_a, width_b, width_c):
            check_width(self.config, width)
        self._check_output(b.shape[1], bias, relu, output)
        wanted = {"seed_a": seed_a, "seed_b": seed_b} | ({"seed_c": seed_c} if output == "blocks" else {})
        sizes = len(a) if window is None else window.rows, b.shape[0], b.shape[1]
        seeds = self._seeds(*sizes, rounding, wanted, window)
        if window is None:
            panels(self.config, *sizes, FORMATS[output])  # raises where a block of C has no room
        packed = self.operands == "packed"
        if prepared is not None:
            if prepared.sizes != sizes or prepared.walks != (window is not None):
                asked, kind = " x ".join(map(str, sizes)), "a map" if prepared.walks else "matrices"
                raise ValueError(f"prepared must be a product of {asked}, not {' x '.join(map(str, prepared.sizes))} of {kind}")
            prepared = prepared if window is None else prepared.over(window)
        self.walked = window is not None
        return self._product(
            Task(a, b, width_a, width_b, width_c, rounding, seeds, bias, bool(relu), output, packed, prepared, window)
        )

    def convolve(
        self, x: NDArray[np.float32], w: NDArray[np.float32], strides: Sequence[int] | None = None,
        pads: Sequence[int] | None = None, dilations: Sequence[int] | None = None, **options: Any,
    ) -> Matrix:  # fmt: skip
        """``golden.patches(x, …) @ golden.filters(w)`` in the machine's blocks, of a map that ``walks`` with a block for each tap.

        Parameters
        ----------
        x
            float32, shape (samples, channels, size…).
        w
            float32, shape (filters, channels, kernel…).
        strides, pads, dilations
            as of ``golden.patches``.
        options
            as of ``matmul``.

        Returns
        -------
        NDArray[np.float32] | golden.BlockTensor
            shape (samples · positions, filters), as of ``matmul``.

        Raises
        ------
        TypeError, ValueError
            as of ``matmul``; where a kernel is larger than its padded input.
        """
        for name, tensor in (("x", x), ("w", w)):
            if not isinstance(tensor, np.ndarray) or tensor.dtype != np.float32:
                raise TypeError(f"{name} must be a float32 array, not {getattr(tensor, 'dtype', tensor)!s}")
        if x.ndim != w.ndim or x.ndim < 3 or x.shape[1] != w.shape[1]:
            raise ValueError(f"x and w must have as many axes and channels, not shapes {x.shape} and {w.shape}")
        axes = x.ndim - 2
        geometry = (strides or [1] * axes, pads or [0] * 2 * axes, dilations or [1] * axes)
        output_size(x.shape[2:], w.shape[2:], *geometry)  # raises where the kernel is too large
        window = Window.of(len(x), x.shape[1], x.shape[2:], w.shape[2:], *geometry)
        prepared = options.get("prepared")
        walks = self.walks(window, len(w), options.get("output", "fp32")) if prepared is None else prepared.walks
        if window is None or not walks:
            return self.matmul(golden.patches(x, w.shape[2:], *geometry), golden.filters(w), **options)
        positions = np.moveaxis(x, 1, -1).reshape(-1, x.shape[1])
        return self.matmul(positions, golden.filters(w, self.block_size), window=window, **options)

    def walks(self, window: Window | None, filters: int, output: str = "fp32") -> bool:
        """Whether ``convolve`` sends a convolution's map instead of its patches: see ``sim.network.walks.saves``."""
        return window is not None and output in OUTPUTS and saves(self.config, window, filters, FORMATS[output])

    def _check_window(self, a: tuple[int, ...], b: tuple[int, ...], window: Window, output: str) -> None:
        wanted = (window.samples * prod(window.size), window.channels), window.inner(self.block_size)
        if a != wanted[0] or b[0] != wanted[1]:
            raise ValueError(f"a and b must have shapes {wanted[0]} and ({wanted[1]}, columns) for the window, not {a} and {b}")
        if not walkable(self.config, window, b[1], FORMATS.get(output, OutputFormat.FP32)):
            raise ValueError(f"window must be one that the machine walks, with {b[1]} filters, not {window}")

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
        self, rows: int, inner: int, columns: int, rounding: str, seeds: dict[str, int | None], window: Window | None
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
        if window is None and panels(config, rows, inner, columns).inner_panels > 1:
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
