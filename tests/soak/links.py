"""Machines at the end of their links, told what to do and compared with golden."""

import random
import time
from dataclasses import dataclass, field
from fractions import Fraction

import numpy as np

import golden
from hw.config import CoreConfig
from sim.devices import GoldenDevice
from sim.devices.compiled_axi import CompiledAxi
from sim.devices.driver import DriverError, RegisterDevice
from sim.devices.serial_board import SerialBoard
from sim.devices.serial_link import LinkError, SerialLink
from sim.model import Rates
from sim.rtl.core import RtlCore, RtlError
from tests.sim.devices.test_packets import FAULTS as PACKETS
from tests.sim.devices.test_packets import Faulty
from tests.soak.case import Case, Work
from tests.soak.numbers import matrix
from tests.soak.schedule import Schedule

__all__ = ["MACHINES", "Outcome", "different_bits"]

LIMIT = 1 << 22
"""Cycles of a schedule at most."""
MOST_FAULTS = 25
"""On a serial line, in a product."""


@dataclass
class Outcome:
    """What became of a case: products compared, faults injected, those of them that were told, bits that differ.

    ``failure`` says in a word what is wrong, if anything, ``text`` more of it.
    """

    products: int = 0
    faults: dict[str, int] = field(default_factory=dict)
    told: int = 0
    stalled: int = 0
    bits: int = 0
    failure: str = ""
    text: str = ""

    def fail(self, failure: str, text: str) -> None:
        """The first failure counts."""
        if not self.failure:
            self.failure, self.text = failure, text

    def compare(self, actual, wanted, what: str) -> None:
        """A product's result, which must have golden's bits."""
        self.products += 1
        bits = different_bits(actual, wanted)
        self.bits += bits
        if bits:
            self.fail("different", f"{what}: {bits} bits differ from golden")


def different_bits(actual, wanted) -> int:
    """Bits in which two results differ: matrices, packed blocks, or tensors in blocks; ``None`` is no result."""
    if wanted is None or actual is None:
        return int(actual is not wanted)
    if isinstance(wanted, golden.BlockTensor):
        actual, wanted = (bytes(golden.pack(x)) for x in (actual, wanted))
    x, y = (np.frombuffer(v if isinstance(v, bytes) else np.ascontiguousarray(v).tobytes(), np.uint8) for v in (actual, wanted))
    return 8 * abs(x.size - y.size) if x.size != y.size else int(np.bitwise_count(x ^ y).sum())


class CoreMachine:
    """A compiled core; the works of a case are commands back to back, its stalls are rates of the ports."""

    def __init__(self, config: CoreConfig):
        self.config, self.core = config, RtlCore(config, quick=True)

    def run(self, case: Case) -> Outcome:
        """Reset, and one run of the whole schedule."""
        outcome = Outcome()
        products, wanted = Schedule(self.config).plan(case.works)
        self.core.reset()
        try:
            results, _ = self.core.run(products, _rates(case.stalls), LIMIT)
        except RtlError as error:
            outcome.fail("refused", str(error))
            return outcome
        outcome.stalled = len(products) * (case.stalls > 0)
        for number, (actual, expected) in enumerate(zip(results, wanted, strict=True)):
            outcome.compare(actual, expected, f"command {number}")
        return outcome

    def close(self) -> None:
        """Nothing is left open."""


def _rates(seed: int) -> Rates:
    rng = random.Random(seed)
    rate = lambda: Fraction(1, 1) if rng.random() < 0.4 else Fraction(rng.randint(1, 8), rng.choice((8, 9, 11, 13)))  # noqa: E731
    return Rates(*(rate() for _ in range(5))) if seed else Rates()


class _Driven:
    """The driver's device on some transport; a product with a fault is told or right, the next one is right."""

    errors = (DriverError, LinkError, KeyboardInterrupt)
    reference: GoldenDevice
    device: RegisterDevice

    def run(self, case: Case) -> Outcome:
        """The works of the case, one product after another."""
        outcome = Outcome()
        for number, work in enumerate(case.works):
            a, b, options = _arguments(work)
            try:
                wanted = self.reference.matmul(a, b, **options)
            except ValueError:  # what the machine cannot do, such as blocks of too wide a C
                continue
            what = f"product {number} ({work.fault or 'no fault'})"
            try:
                actual = self.product(case, work, a, b, options, outcome)
            except self.errors as error:
                outcome.products += 1
                outcome.told += 1
                if not work.fault:
                    outcome.fail("error", f"{what}: {type(error).__name__}: {error}")
                continue
            outcome.stalled += case.stalls > 0
            outcome.compare(actual, wanted, what)
        return outcome


def _arguments(work: Work) -> tuple[np.ndarray, np.ndarray, dict]:
    exact = work.operands == "bfloat16"
    a = matrix(work.numbers, (work.rows, work.inner), work.seed, exact)
    b = matrix(work.numbers, (work.inner, work.columns), work.seed + 1, exact)
    options: dict = {"width_a": work.width_a, "width_b": work.width_b, "rounding": work.rounding, "output": work.output}
    if work.bias:
        options["bias"] = matrix(work.numbers, (work.columns,), work.seed + 2)
    if work.rounding == "stochastic":
        options |= {"seed_a": work.seed, "seed_b": work.seed + 1}
        options |= {"seed_c": work.seed + 2} if work.output == "blocks" else {}
    return a, b, options | {"relu": work.relu, "width_c": work.width_c}


class _Disturbed(Faulty):
    """The same, where a fault that leaves every length as it is does not count: another packet meets it."""

    def counts(self, packets, others):
        """Whether the core can tell."""
        return [len(p) for p in others] != [len(p) for p in packets]


class AxiMachine(_Driven):
    """A compiled core on AXI; packets go wrong, every stream stalls."""

    def __init__(self, config: CoreConfig):
        self.transport = CompiledAxi(config, 64, quick=True)
        self.reference = GoldenDevice(config)
        self.device = RegisterDevice(self.transport)

    def product(self, case: Case, work: Work, a, b, options, outcome: Outcome):
        """One product, its packets disturbed if the work says so."""
        self.transport.stall(case.stalls)
        device, transport = self.device, self.transport
        if work.fault:
            rng = random.Random(work.seed)
            stream = rng.choice(["a", "b", "bias"] if work.bias else ["a", "b"])
            fault = next(f for f in PACKETS if f.__name__ == work.fault)
            transport = _Disturbed(self.transport, stream, fault, rng.randrange(100))
        device.operands, device.transport, device.timeout = work.operands, transport, 0.05 if work.fault else 10.0
        device.reset()
        try:
            return device.matmul(a, b, **options)
        finally:
            if work.fault and transport.altered:
                outcome.faults[work.fault] = outcome.faults.get(work.fault, 0) + 1

    def close(self) -> None:
        """Nothing is left open."""


class SerialMachine(_Driven):
    """A board's top at the other end of a pseudo-terminal; bytes go wrong on their way, or the user gives up."""

    def __init__(self, config: CoreConfig):
        self.board = SerialBoard(config, self._disturb, quick=True)
        self.noise, self.outcome = None, Outcome()
        self.board.__enter__()
        self.link = SerialLink(self.board.port, attempts=12)
        self.reference = GoldenDevice(config)
        self.device = RegisterDevice(self.link)

    def product(self, case: Case, work: Work, a, b, options, outcome: Outcome):
        """One product, with noise on the line if the work says so."""
        self.device.operands, self.outcome = work.operands, outcome
        if self.link._serial is None:  # given up by the product before, as when a write takes too long
            self.link.open()
        self.link.timeout = self.link._serial.timeout = 0.3 if work.fault else 3.0
        asked, calls, rng = self.link._asked, 0, random.Random(work.seed)
        last = rng.randrange(1, 30)

        def interrupted(frame, reads):
            nonlocal calls
            calls += 1
            if calls == last:
                self.link._serial.write(frame)
                outcome.faults["interrupt"] = outcome.faults.get("interrupt", 0) + 1
                raise KeyboardInterrupt
            return asked(frame, reads)

        self.noise = rng if work.fault and work.fault != "interrupt" else None
        self.kind, self.chance = work.fault, rng.choice([0.005, 0.02, 0.1])
        if work.fault == "interrupt":
            self.link._asked = interrupted
        try:
            return self.device.matmul(a, b, **options)
        finally:
            self.link._asked, self.noise = asked, None
            time.sleep(0.05 if work.fault else 0)

    def _disturb(self, data: bytes, way: str) -> bytes:
        """Perhaps a fault somewhere in a piece of what passes."""
        rng, faults = self.noise, self.outcome.faults
        if rng is None or not data or faults.get(self.kind, 0) >= MOST_FAULTS or rng.random() >= self.chance:
            return data
        faults[self.kind] = faults.get(self.kind, 0) + 1
        at = rng.randrange(len(data))
        before, rest = data[:at], data[at:]
        if self.kind == "flip":
            return before + bytes([rest[0] ^ 1 << rng.randrange(8)]) + rest[1:]
        if self.kind == "drop":
            return before + rest[rng.randrange(1, 5) :]
        if self.kind == "repeat":
            return before + rest[: rng.randrange(1, 40)] + rest
        if self.kind == "insert":
            return before + rng.randbytes(rng.randrange(1, 6)) + rest
        length = min(len(rest), rng.randrange(2, 12))
        return before + rng.randbytes(length) + rest[length:]

    def close(self) -> None:
        """Unplug the board."""
        self.link.close()
        self.board.__exit__()


MACHINES = {"core": CoreMachine, "axi": AxiMachine, "serial": SerialMachine}
"""How a machine is made for each link."""
