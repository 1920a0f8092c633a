"""The clock of a board's core: a PLL behind the oscillator, and a reset that ends when it is steady."""

from math import ceil

from amaranth.build import Platform
from amaranth.hdl import ClockDomain, ClockSignal, Const, DomainRenamer, Instance, Module, ResetSignal, Signal, Value
from amaranth.lib.wiring import Component, In, Out

__all__ = ["ClockGenerator", "LockReset", "ecp5_divisors", "ice40_divisors"]


def _nearest(choices: list[tuple[float, int, int, int, int]], target_hz: float) -> tuple[int, int, int]:
    """Divisors of the fastest clock that is not above the target; the first of a choice is its clock.

    Raises
    ------
    ValueError
        if the PLL makes no clock as slow as that.
    """
    slow_enough = [choice for choice in choices if choice[0] <= target_hz * 1.0001]
    if not slow_enough:
        least = min(choices)[0]
        raise ValueError(f"clock must be at least {ceil(least / 1e4) / 100:g} MHz, the PLL's slowest, not {target_hz / 1e6:g}")
    return max(slow_enough)[2:]


def ecp5_divisors(source_hz: float, target_hz: float) -> tuple[int, int, int]:
    """Input, feedback and output divisors of an EHXPLLL for the clock nearest to and not above ``target_hz``.

    Its oscillator runs at 400 … 800 MHz, its phase detector at 3.125 … 400 MHz (Lattice, ECP5 data sheet, PLL timing).
    """
    choices = [
        (source_hz * feedback / divisor, -divisor, divisor, feedback, output)
        for divisor in range(1, 9) if source_hz / divisor >= 3.125e6
        for feedback in range(1, 81)
        if (output := round(600e6 / (source_hz * feedback / divisor))) in range(1, 129)
        and 400e6 <= source_hz * feedback / divisor * output <= 800e6
    ]  # fmt: skip
    return _nearest(choices, target_hz)


def ice40_divisors(source_hz: float, target_hz: float) -> tuple[int, int, int]:
    """DIVR, DIVF and DIVQ of an SB_PLL40 for the clock nearest to and not above ``target_hz``.

    Its oscillator runs at 533 … 1066 MHz, its phase detector at 10 … 133 MHz (Lattice, iCE40 PLL usage guide,
    FPGA-TN-02052).
    """
    choices = [
        (oscillator / 2**q, -r, r, f, q)
        for r in range(16) if 10e6 <= source_hz / (r + 1) <= 133e6
        for f in range(128) if 533e6 <= (oscillator := source_hz / (r + 1) * (f + 1)) <= 1066e6
        for q in range(1, 7)
    ]  # fmt: skip
    return _nearest(choices, target_hz)


class LockReset(Component):
    """A reset that ends when the PLL has been locked for some time, and begins when it loses its lock.

    Whoever is connected to the core learns of it: a core that was reset has no session open (``hw.serial.frames``).

    Parameters
    ----------
    cycles
        of a steady clock before the reset ends.

    Attributes
    ----------
    locked
        from the PLL, of no clock.
    reset
        synchronous; three cycles after a loss of the lock at the latest.
    """

    def __init__(self, cycles: int):
        self.cycles = cycles
        super().__init__({"locked": In(1), "reset": Out(1, init=1)})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        stages, count = Signal(2), Signal(range(self.cycles + 1))
        m.d.sync += stages.eq((stages << 1) | self.locked)
        with m.If(~stages[1]):
            m.d.sync += [count.eq(0), self.reset.eq(1)]
        with m.Elif(count == self.cycles):
            m.d.sync += self.reset.eq(0)
        with m.Else():
            m.d.sync += count.eq(count + 1)
        return m


class ClockGenerator:
    """Drives the domain ``sync`` of a design from a board's oscillator.

    The reset is synchronous; it ends ``reset_seconds`` after the PLL has locked.

    Parameters
    ----------
    family
        "ecp5" or "ice40".
    source_hz, target_hz
        of the oscillator and of the domain.
    """

    reset_seconds = 20e-6  # iCE40 block RAM reads as zero for some microseconds after configuration

    def __init__(self, family: str, source_hz: float, target_hz: float):
        self.family = family
        self.source_hz = source_hz
        self.target_hz = target_hz

    @property
    def hz(self) -> float:
        """The clock that comes out."""
        if self.family == "ecp5":
            divisor, feedback, _ = ecp5_divisors(self.source_hz, self.target_hz)
            return self.source_hz * feedback / divisor
        r, f, q = ice40_divisors(self.source_hz, self.target_hz)
        return self.source_hz / (r + 1) * (f + 1) / (1 << q)

    def add_to(self, m: Module, platform: Platform, source: Value) -> None:
        """Add domain, PLL and reset to ``m``; ``source`` is the oscillator's signal."""
        clock, locked = Signal(name="core_clock"), Signal()
        m.submodules.pll = self._pll(source, clock, locked)
        m.domains.sync = ClockDomain()
        m.domains.start = ClockDomain(reset_less=True)
        platform.add_clock_constraint(clock, self.hz)
        m.d.comb += [ClockSignal("sync").eq(clock), ClockSignal("start").eq(clock)]
        supervisor = LockReset(ceil(self.reset_seconds * self.hz))
        m.submodules.lock_reset = DomainRenamer("start")(supervisor)
        m.d.comb += [supervisor.locked.eq(locked), ResetSignal("sync").eq(supervisor.reset)]

    def _pll(self, source: Value, clock: Signal, locked: Signal) -> Instance:
        if self.family == "ecp5":
            divisor, feedback, output = ecp5_divisors(self.source_hz, self.target_hz)
            return Instance(
                "EHXPLLL",
                a_FREQUENCY_PIN_CLKI=f"{self.source_hz / 1e6:g}", a_FREQUENCY_PIN_CLKOP=f"{self.hz / 1e6:g}",
                a_ICP_CURRENT="12", a_LPF_RESISTOR="8", a_MFG_ENABLE_FILTEROPAMP="1", a_MFG_GMCREF_SEL="2",
                p_PLLRST_ENA="DISABLED", p_INTFB_WAKE="DISABLED", p_STDBY_ENABLE="DISABLED", p_DPHASE_SOURCE="DISABLED",
                p_OUTDIVIDER_MUXA="DIVA", p_OUTDIVIDER_MUXB="DIVB", p_OUTDIVIDER_MUXC="DIVC", p_OUTDIVIDER_MUXD="DIVD",
                p_CLKI_DIV=divisor, p_CLKFB_DIV=feedback, p_CLKOP_DIV=output, p_CLKOP_ENABLE="ENABLED",
                p_CLKOP_CPHASE=output // 2, p_CLKOP_FPHASE=0, p_FEEDBK_PATH="CLKOP",
                i_RST=Const(0), i_STDBY=Const(0), i_CLKI=source, i_CLKFB=clock, o_CLKOP=clock, o_LOCK=locked,
                i_PHASESEL0=Const(0), i_PHASESEL1=Const(0), i_PHASEDIR=Const(1), i_PHASESTEP=Const(1),
                i_PHASELOADREG=Const(1), i_PLLWAKESYNC=Const(0), i_ENCLKOP=Const(0),
            )  # fmt: skip
        r, f, q = ice40_divisors(self.source_hz, self.target_hz)
        return Instance(
            "SB_PLL40_CORE",
            p_FEEDBACK_PATH="SIMPLE", p_DIVR=Const(r, 4), p_DIVF=Const(f, 7), p_DIVQ=Const(q, 3),
            p_FILTER_RANGE=Const(1, 3),
            i_REFERENCECLK=source, i_RESETB=Const(1), i_BYPASS=Const(0), o_PLLOUTGLOBAL=clock, o_LOCK=locked,
        )  # fmt: skip
