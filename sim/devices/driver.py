"""A core behind registers as a device, whatever the transport."""

import time
from collections.abc import Callable
from functools import partial
from typing import cast

import golden
from hw.bus.registers import CAPABILITIES, FAULTS, IDENTITY, INTERRUPTS, VERSION, offset_of, register_map
from hw.command import CommandError, OperandFormat, pack_command
from hw.config import ACCUMULATORS, FEATURES, ROUNDING_MODES, CoreConfig
from hw.core.counters import COUNTERS
from sim.devices.command_queue import CommandQueue, Parcel, RegisterStreams, Streams, Stuck, Transport
from sim.devices.device import OPERANDS, Device
from sim.devices.job import Job
from sim.devices.jobs import Assembly, Matrix, Task, jobs, part_of
from sim.devices.packets import Words, bias_packets, block_packets, matrix_packets, result_from_words, result_words

__all__ = ["DriverError", "RegisterDevice"]

STATUS = {field.name: field for register in register_map() if register.name == "status" for field in register.fields}
COMMAND_WORDS = sum(register.name.startswith("command_") for register in register_map())
"""What operands are sent as, and the feature it needs."""


class DriverError(RuntimeError):
    """A machine that is not one of ours, refused a command or does not go on."""


class RegisterDevice(Device):
    """The machine at the other end of a transport.

    A transport is a ``sim.devices.command_queue.Transport``. For a core with streams beside its registers it is also a
    ``Streams``, a packet to each part. The configuration is what the registers say. After an error or an interrupt the
    machine is reset, at the latest before the next product, and can be used again.

    Parameters
    ----------
    transport
        for instance ``sim.devices.serial_link.SerialLink`` or ``sim.devices.compiled_axi.CompiledAxi``.
    timeout
        seconds in which something has to move.
    progress
        called with (done, total) commands of each product.
    operands
        what they are sent as. "packed": converted by golden on this side, to the bits that the core makes of FP32,
        stochastic rounding included. "bfloat16": the core converts numbers that lose nothing as bfloat16, others go
        in FP32. "fp32": the core converts. Default: the first of these that the machine has.
    depth
        commands under way at once (default: one more than wait in the core's queue).

    Raises
    ------
    DriverError
        if the other end is not a core of this register map, or its streams are out of reach.
    ValueError
        for operands that the machine cannot take.
    """

    def __init__(
        self, transport: Transport, timeout: float = 10.0, progress: Callable[[int, int], object] | None = None,
        operands: str | None = None, depth: int | None = None,
    ):  # fmt: skip
        self.transport = transport
        self.timeout = timeout
        self.progress = progress or (lambda done, total: None)
        identity, version = self._read("identity"), self._read("version")
        if identity != IDENTITY:
            raise DriverError(f"there is no core: identity is 0x{identity:08X}, not 0x{IDENTITY:08X}")
        if version >> 16 != VERSION >> 16 or version < VERSION:
            raise DriverError(
                f"the core's registers have version {_dotted(version)}, this driver needs {_dotted(VERSION)}"
            )
        words = transport.read(offset_of(next(iter(CAPABILITIES))), len(CAPABILITIES))
        self.capabilities = dict(zip(CAPABILITIES, words, strict=True))
        super().__init__(_config(self.capabilities))
        best = next(name for name, needed in reversed(OPERANDS.items()) if needed in ("", *self.config.features))
        self._send_as(operands or best, *OPERANDS)
        self.depth = depth or self.config.queue_depth + 1
        self.reset()

    def reset(self) -> None:
        """What was queued or in execution is gone, all counters are 0. Also after ``transport`` was replaced."""
        if self.capabilities["stream_words"] and not hasattr(self.transport, "send"):
            raise DriverError("the core takes its operands from streams, and the transport has none")
        self._streams: Streams = RegisterStreams(self.transport, self.config)
        if hasattr(self.transport, "send"):
            self._streams = cast(Streams, self.transport)
        self._streams.flush()  # so that no operand goes on after the reset
        self._write("control", 3)
        self._streams.flush()  # and no result from before it is left
        self._write("interrupt_cause", (1 << len(INTERRUPTS)) - 1)
        self._converted.clear()
        self._sound = True

    @property
    def counters(self) -> dict[str, int]:
        """All of the core's counters; conversions on this side count with the core's."""
        self._recover()
        words = self.transport.read(offset_of(f"count_{next(iter(COUNTERS))}"), len(COUNTERS))
        counters = dict(zip(COUNTERS, words, strict=True))
        return self._with_converted(counters)

    def _product(self, task: Task) -> Matrix:
        work = list(jobs(self.config, task))
        blocks: dict[str, golden.BlockTensor] = {}
        if self.operands == "packed":
            blocks = {name: task.blocks(name, self.config) for name in "ab"}
        result = Assembly(self.config, task)
        done = 0
        self._recover()

        def deliver(job: Job, words: Words) -> None:
            nonlocal done
            if job.stores:
                result.put(job, result_from_words(words, job.fields, self.config))
            done += 1
            self.progress(done, len(work))

        queue = CommandQueue(self.transport, self._streams, self.depth, self.timeout)
        self._sound = False
        try:
            queue.run((self._parcel(task, job, blocks, partial(deliver, job)) for job in work), self._check)
            self._settle()
        except Stuck as error:
            raise DriverError(f"the core did not {error} within {self.timeout} s") from None
        self._sound = True
        self._count_converted(task, blocks)
        return result.value()

    def _recover(self) -> None:
        """Reset the machine if the last product did not come to its end."""
        if not self._sound:
            self.reset()

    def _parcel(
        self, task: Task, job: Job, blocks: dict[str, golden.BlockTensor], deliver: Callable[[Words], None]
    ) -> Parcel:
        packets, formats = {}, {}
        a, b = task.operands(job)
        for name, lines in (("a", a), ("b", b.T)):
            if not job.fields[f"load_{name}"]:
                continue
            if blocks:
                form = OperandFormat.PACKED
                part = part_of(blocks[name], job.rows if name == "a" else job.columns, job.inner)
                packets[name] = block_packets(part, self.config.load_lines)
            else:
                exact = self.operands == "bfloat16" and not (lines.view("<u4") & 0xFFFF).any()
                form = OperandFormat.BFLOAT16 if exact else OperandFormat.FP32
                packets[name] = matrix_packets(lines, exact)
            formats[f"format_{name}"] = form
        bias = task.bias_of(job)
        if bias is not None:
            packets["bias"] = bias_packets(bias, job.shape[0], self.config)
        fields = job.fields | formats
        word = pack_command(**fields)
        command = [word >> 32 * i & 0xFFFFFFFF for i in range(COMMAND_WORDS)]
        return Parcel(command, packets, result_words(fields, self.config), deliver)

    def _settle(self) -> None:
        """Wait until the core is idle: then it has complained if ever it will."""
        deadline = time.monotonic() + self.timeout
        while not self._check()["idle"]:
            if time.monotonic() > deadline:
                raise Stuck("become idle")
        status = self._check()  # a cause is there a cycle after its event
        left = [name.removeprefix("left_") for name in ("left_a", "left_b", "left_bias") if status[name]]
        if left:
            raise DriverError(f"the core is idle, and words of {', '.join(left)} are left over")

    def _check(self) -> dict[str, int]:
        """The status, in which the core has no reason to complain."""
        word = self._read("status")
        status = {name: word >> field.position & ((1 << field.width) - 1) for name, field in STATUS.items()}
        if status["refusal"]:
            raise DriverError(f"the core refused a command: {CommandError(status['refusal']).name}")
        if status["fault"]:
            cause = self._read("interrupt_cause")
            raised = [f"{name}: {text}" for i, (name, text) in enumerate(INTERRUPTS.items())
                      if name in FAULTS and cause >> i & 1]  # fmt: skip
            raise DriverError(f"the core reports {'; '.join(raised)}")
        return status

    def _read(self, name: str) -> int:
        words = self.transport.read(offset_of(name))
        if not words:
            raise DriverError(f"the core refused to read {name}")
        return words[0]

    def _write(self, name: str, value: int) -> None:
        if not self.transport.write(offset_of(name), [value]):
            raise DriverError(f"the core refused to write {name}")


def _dotted(version: int) -> str:
    return f"{version >> 16}.{version & 0xFFFF}"


def _config(capabilities: dict[str, int]) -> CoreConfig:
    """A machine of these capabilities; how its units lie in tiles and what its pipelines are does not show."""
    c = capabilities
    return CoreConfig(
        mantissa_widths=tuple(w for w in range(32) if c["mantissa_widths"] >> w & 1),
        rounding_modes=tuple(n for i, n in enumerate(ROUNDING_MODES) if c["rounding_modes"] >> i & 1),
        features=tuple(n for i, n in enumerate(FEATURES) if c["features"] >> i & 1),
        accumulator=ACCUMULATORS[c["accumulator"]], tile_rows=c["rows"], tile_columns=c["tile_columns"],
        mesh_columns=c["columns"] // c["tile_columns"], block_size=c["block_size"], exponent_width=c["exponent_width"],
        dot=c["dot"], interleave=c["interleave"], lanes=c["lanes"], panel_columns=c["panel_columns"],
        operand_depth=c["operand_depth"], queue_depth=c["queue_depth"], load_lines=c["load_lines"],
    )  # fmt: skip
