"""Commands of a core one after another, and what golden says they give."""

from dataclasses import dataclass, replace

import numpy as np

import golden
from hw.command import OperandFormat, OutputFormat, Rounding
from hw.config import CoreConfig
from sim.devices.jobs import block_format
from sim.rtl.core import RtlProduct
from tests.soak.case import Work
from tests.soak.numbers import matrix

__all__ = ["Schedule"]

OPERANDS = {"fp32": OperandFormat.FP32, "bfloat16": OperandFormat.BFLOAT16, "packed": OperandFormat.PACKED}
OUTPUTS = {
    "fp32": OutputFormat.FP32, "bfloat16": OutputFormat.BFLOAT16, "blocks": OutputFormat.PACKED,
    "results": OutputFormat.RESULTS,
}  # fmt: skip


@dataclass
class Schedule:
    """What a core holds between commands: operands in blocks, C in the array, and results that wait to be an A.

    A wish that the machine cannot grant, such as an operand again where there is none, is left out.
    """

    config: CoreConfig
    a: golden.BlockTensor | None = None
    b: golden.BlockTensor | None = None
    c: np.ndarray | None = None
    waiting: golden.BlockTensor | None = None

    def plan(self, works: tuple[Work, ...]) -> tuple[list[RtlProduct], list]:
        """Commands, and the result of each: a matrix, bytes of packed blocks, or none."""
        last = replace(works[-1], output=works[-1].output.replace("results", "blocks"))
        planned = [self._command(work) for work in (*works[:-1], last)]
        return [product for product, _ in planned], [result for _, result in planned]

    def _command(self, work: Work) -> tuple[RtlProduct, object]:
        config, fields = self.config, {}
        work, packed = self._sizes(work), {"a": b"", "b": b""}
        waiting = self.waiting
        for name, other in (("a", waiting), ("b", None)):
            operand, form, data = self._operand(name, work, other)
            fields |= {f"format_{name}": form, f"load_{name}": int(not getattr(work, f"reuse_{name}"))}
            fields |= {f"width_{name}": operand.format.mantissa_width}
            setattr(self, name, operand)
            packed[name] = data
        matrices = matrix(work.numbers, (work.rows, work.inner), work.seed, work.operands == "bfloat16"), self._b(work)
        a, b = _lines(self.a, work.rows, 0), _lines(self.b, work.columns, 1)
        kind = golden.accumulator(config.accumulator, config.block_sum_width)
        c = golden.matmul(a, b, accumulator=kind, initial=self.c if work.accumulate else None)
        fits = work.rows <= config.output_rows and work.columns <= config.columns
        self.c = c if fits else None
        bias = matrix(work.numbers, (work.columns,), work.seed + 2) if work.bias else None
        result, self.waiting = self._finished(work, golden.finish(c, bias, work.relu))
        fields |= {
            "accumulate": int(work.accumulate), "store": int(not work.keep), "rounding": Rounding[work.rounding.upper()],
            "output": OUTPUTS[work.output], "width_c": work.width_c, "bias": int(work.bias), "relu": int(work.relu),
            **({f"seed_{x}": work.seed + i for i, x in enumerate("abc")} if work.rounding == "stochastic" else {}),
        }  # fmt: skip
        return RtlProduct(*matrices, fields, packed["a"], packed["b"], bias), result

    def _sizes(self, work: Work) -> Work:
        """The command as it can be."""
        config = self.config
        narrowest = config.mantissa_widths[0]
        work = replace(work, **{f"width_{x}": getattr(work, f"width_{x}") or narrowest for x in "abc"})
        if self.waiting is not None:
            rows, inner = self.waiting.shape
            work = replace(work, rows=rows, inner=inner, reuse_a=False, accumulate=False)
        if self.waiting is None and work.reuse_a and self.a is not None:
            work = replace(work, inner=self.a.shape[1])
        elif self.waiting is None and work.reuse_b and self.b is not None:
            work = replace(work, inner=self.b.shape[0])
        inner = min(work.inner, config.operand_groups * config.group_size)
        most = config.operand_groups // config.groups(inner)
        work = replace(work, inner=inner, columns=min(work.columns, most * config.columns))
        if self.waiting is None:
            work = replace(work, rows=min(work.rows, most * config.rows))
        if work.accumulate and self.c is not None and config.accumulator != "aligned":
            rows, columns = self.c.shape
            possible = rows <= most * config.rows and columns <= most * config.columns
            work = replace(work, rows=rows, columns=columns) if possible else replace(work, accumulate=False)
        else:
            work = replace(work, accumulate=False)
        reuse_a = work.reuse_a and self.a is not None and self.a.shape[1] == inner and self.a.shape[0] >= work.rows
        reuse_b = work.reuse_b and self.b is not None and self.b.shape[0] == inner and self.b.shape[1] >= work.columns
        fits = work.rows <= config.output_rows and work.columns <= config.columns
        work = replace(work, reuse_a=reuse_a, reuse_b=reuse_b, keep=work.keep and fits)
        if work.keep:
            return replace(work, output="fp32", bias=False, relu=False)
        narrow = work.columns <= config.panel_columns
        if work.output in ("blocks", "results") and not narrow:
            return replace(work, output="fp32")
        room = -(-work.rows // config.rows) * config.groups(work.columns) <= config.operand_groups
        return replace(work, output="blocks") if work.output == "results" and not room else work

    def _b(self, work: Work) -> np.ndarray:
        return matrix(work.numbers, (work.inner, work.columns), work.seed + 1, work.operands == "bfloat16")

    def _operand(self, name: str, work: Work, waiting) -> tuple[golden.BlockTensor, OperandFormat, bytes]:
        """An operand's blocks, what its stream carries, and its bytes if they are packed."""
        if waiting is not None:
            return waiting, OperandFormat.RESULTS, b""
        if getattr(work, f"reuse_{name}"):
            return getattr(self, name), OperandFormat.FP32, b""
        x, axis, shift = (
            (matrix(work.numbers, (work.rows, work.inner), work.seed, work.operands == "bfloat16"), 1, 0)
            if name == "a" else (self._b(work), 0, 1)
        )  # fmt: skip
        seed = work.seed + shift if work.rounding == "stochastic" else None
        blocks = golden.quantize(x, block_format(self.config, getattr(work, f"width_{name}")), axis, work.rounding, seed)
        packed = bytes(golden.pack(blocks, self.config.load_lines)) if work.operands == "packed" else b""
        return blocks, OPERANDS[work.operands], packed

    def _finished(self, work: Work, c: np.ndarray) -> tuple[object, golden.BlockTensor | None]:
        """What is sent, and what waits."""
        if work.keep:
            return None, None
        if work.output == "fp32":
            return c, None
        if work.output == "bfloat16":
            return (golden.to_bfloat16(c).astype(np.uint32) << 16).view(np.float32), None
        seed = work.seed + 2 if work.rounding == "stochastic" else None
        blocks = golden.quantize(c, block_format(self.config, work.width_c), 1, work.rounding, seed)
        return (None, blocks) if work.output == "results" else (bytes(golden.pack(blocks)), None)


def _lines(blocks: golden.BlockTensor, count: int, line: int) -> golden.BlockTensor:
    """The first rows of an A, or columns of a B."""
    shape = list(blocks.shape)
    shape[line] = count
    return golden.BlockTensor(blocks.mantissas[:count], blocks.fields[:count], blocks.format, tuple(shape), blocks.axis)
