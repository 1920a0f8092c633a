"""The serial line's end of the register bank: frames in, accesses, frames out."""

from amaranth.hdl import Cat, Module, Mux, Signal, Value
from amaranth.lib import stream
from amaranth.lib.crc import Algorithm
from amaranth.lib.wiring import Component, In, Out

from hw.bus.registers import ADDRESS_WIDTH
from hw.core.ram import Ram
from hw.emit import place
from hw.names import named
from hw.serial.frames import ANSWER, MAX_WORDS, REQUEST, Action, Status

__all__ = ["FrameBridge"]

CHECKSUM = Algorithm(
    crc_width=32, polynomial=0x04C11DB7, initial_crc=0xFFFFFFFF, reflect_input=True, reflect_output=True,
    xor_output=0xFFFFFFFF,
)  # fmt: skip


class FrameBridge(Component):
    """Executes the requests of ``hw.serial.frames``, one at a time.

    A frame that pauses for ``gap_cycles`` is forgotten. Bytes that come while a request is executed or answered are
    lost.

    Members
    -------
    data, valid : received bytes. o : bytes to send. request, write, address, write_data : accesses of the register
    bank; done, read_data, error : their answers.
    """

    def __init__(self, gap_cycles: int):
        self.gap_cycles = gap_cycles
        self.module_name = named("frame_bridge", g=gap_cycles)
        super().__init__(
            {
                "data": In(8), "valid": In(1), "o": Out(stream.Signature(8)),
                "request": Out(1), "write": Out(1), "address": Out(ADDRESS_WIDTH), "write_data": Out(32),
                "done": In(1), "read_data": In(32), "error": In(1),
            }
        )  # fmt: skip

    def elaborate(self, platform: object) -> Module:
        m = Module()
        # Words of the request lie in the lower half, of the answer in the upper, where requests asked again leave them.
        memory = place(m, platform, "memory", Ram(1, 32, 2 * MAX_WORDS))
        m.submodules.crc = self._crc = CHECKSUM(data_width=8).create()
        self._memory = memory
        self._tag = Signal(32)  # of the request: session, number
        self._action, self._where, self._count = (Signal(8, name=name) for name in ("action", "where", "count"))
        self._index, self._byte, self._word = Signal(range(MAX_WORDS + 1)), Signal(2), Signal(32)
        # The request executed last, and its answer, kept until the next execution.
        self._open, self._kept = Signal(), Signal(32)
        self._status, self._done_words, self._answers_read = Signal(2), Signal(range(MAX_WORDS + 1)), Signal()
        self._refusal = Signal(3)
        m.d.comb += [
            self.write.eq(self._action[0]),
            self.address[2:].eq(
                self._where + Mux(self._action[1], self._action[2] & (self._index == self._count - 1), self._index)
            ),
            self.write_data.eq(memory.read_data),
            memory.read_enable.eq(1),
        ]
        with m.FSM():
            self._receive(m)
            self._execute(m)
            self._answer(m)
        return m

    def _receive(self, m: Module) -> None:
        gap = Signal(range(self.gap_cycles + 1))
        reads, too_many = Signal(), Signal()
        m.d.comb += [reads.eq(~self._action[0]), too_many.eq((self._count == 0) | (self._count > MAX_WORDS))]
        m.d.sync += gap.eq(Mux(self.valid, 0, gap + 1))

        def step() -> None:
            """Count the received byte into the checksum."""
            m.d.comb += [self._crc.data.eq(self.data), self._crc.valid.eq(1)]

        def give_up() -> None:
            with m.If(gap == self.gap_cycles):
                m.next = "IDLE"

        with m.State("IDLE"):
            m.d.comb += self._crc.start.eq(1)
            m.d.sync += [self._index.eq(0), self._byte.eq(0), gap.eq(0), self._refusal.eq(Status.DONE)]
            with m.If(self.valid & (self.data == REQUEST)):
                m.next = "HEADER_0"
        header = [*(self._tag[8 * i : 8 * i + 8] for i in range(4)), self._action, self._where, self._count]
        for number, field in enumerate(header):
            with m.State(f"HEADER_{number}"):
                with m.If(self.valid):
                    step()
                    m.d.sync += field.eq(self.data)
                    m.next = f"HEADER_{number + 1}" if field is not self._count else "SIZE"
                give_up()
        with m.State("SIZE"):
            with m.If(too_many):
                m.d.sync += self._refusal.eq(Status.COUNT)
                m.next = "REPLY"
            with m.Elif(reads):
                m.next = "CHECK_0"
            with m.Else():
                m.next = "PAYLOAD"
        with m.State("PAYLOAD"):
            m.d.comb += [
                self._memory.write_data.eq(Cat(self._word[8:], self.data)),
                self._memory.write_address.eq(self._index),
            ]
            with m.If(self.valid):
                step()
                m.d.sync += [self._word.eq(Cat(self._word[8:], self.data)), self._byte.eq(self._byte + 1)]
                with m.If(self._byte == 3):
                    m.d.comb += self._memory.write_enable.eq(1)
                    m.d.sync += self._index.eq(self._index + 1)
                    with m.If(self._index == self._count - 1):
                        m.next = "CHECK_0"
            give_up()
        for number in range(4):
            with m.State(f"CHECK_{number}"):
                with m.If(self.valid):
                    with m.If(self.data != self._crc.crc[8 * number : 8 * number + 8]):
                        m.d.sync += self._refusal.eq(Status.CHECKSUM)
                    m.next = f"CHECK_{number + 1}" if number < 3 else "DECIDE"
                give_up()
        same_session, same_number, follows, opens = Signal(), Signal(), Signal(), Signal()
        m.d.comb += [
            same_session.eq(self._open & (self._tag[:16] == self._kept[:16])),
            same_number.eq(self._tag[16:] == self._kept[16:]),
            follows.eq(self._tag[16:] == (self._kept[16:] + 1)[:16]),
            opens.eq((self._action & Action.OPEN) != 0),
        ]
        with m.State("DECIDE"):
            m.d.sync += self._index.eq(0)
            m.next = "REPLY"
            with m.If(self._refusal != Status.DONE):
                pass
            with m.Elif(same_session & same_number):
                pass  # asked again: answered again
            with m.Elif(Mux(same_session, follows, opens)):
                m.d.sync += [
                    self._open.eq(1), self._kept.eq(self._tag), self._answers_read.eq(reads),
                    self._status.eq(Status.DONE), self._done_words.eq(self._count),
                ]  # fmt: skip
                m.next = "FETCH"
            with m.Else():
                m.d.sync += self._refusal.eq(Mux(same_session, Status.ORDER, Status.SESSION))

    def _execute(self, m: Module) -> None:
        with m.State("FETCH"):
            m.d.comb += self._memory.read_address.eq(self._index)
            m.next = "ACCESS"
        with m.State("ACCESS"):
            m.d.comb += [self.request.eq(1), self._memory.read_address.eq(self._index)]
            m.next = "WAIT"
        with m.State("WAIT"):
            m.d.comb += [
                self._memory.write_data.eq(self.read_data),
                self._memory.write_address.eq(MAX_WORDS + self._index),
            ]
            with m.If(self.done):
                m.d.comb += self._memory.write_enable.eq(self._answers_read)
                m.d.sync += self._index.eq(self._index + 1)
                with m.If(self.error):
                    m.d.sync += [self._status.eq(Status.REFUSED), self._done_words.eq(self._index)]
                    m.next = "REPLY"
                with m.Elif(self._index == self._count - 1):
                    m.next = "REPLY"
                with m.Else():
                    m.next = "FETCH"

    def _answer(self, m: Module) -> None:
        """Header, words, checksum; a refusal says its status alone."""
        refused = Signal()
        m.d.comb += refused.eq(self._refusal != Status.DONE)
        words = Signal(range(MAX_WORDS + 1))
        m.d.comb += words.eq(Mux(refused, 0, self._done_words))

        def send(value: Value | int, after: str, counts: bool = True) -> None:
            m.d.comb += [self.o.payload.eq(value), self.o.valid.eq(1)]
            with m.If(self.o.ready):
                if counts:
                    m.d.comb += [self._crc.data.eq(value), self._crc.valid.eq(1)]
                m.next = after

        with m.State("REPLY"):
            m.d.comb += self._crc.start.eq(1)
            m.d.sync += [self._index.eq(0), self._byte.eq(0)]
            send(ANSWER, "REPLY_TAG_0", counts=False)
        for number in range(4):
            with m.State(f"REPLY_TAG_{number}"):
                send(self._tag[8 * number : 8 * number + 8], f"REPLY_TAG_{number + 1}" if number < 3 else "REPLY_STATUS")
        with m.State("REPLY_STATUS"):
            send(Mux(refused, self._refusal, self._status), "REPLY_COUNT")
        with m.State("REPLY_COUNT"):
            m.d.comb += self._memory.read_address.eq(MAX_WORDS)
            send(words, "WORD")
            with m.If(self.o.ready & (~self._answers_read | (words == 0))):
                m.next = "REPLY_CHECK_0"
        with m.State("WORD"):  # memories answer late in a cycle, and the checksum is long
            m.d.sync += self._word.eq(self._memory.read_data)
            m.next = "BYTES"
        with m.State("BYTES"):
            m.d.comb += self._memory.read_address.eq(MAX_WORDS + self._index + 1)
            send(self._word[:8], "BYTES")
            with m.If(self.o.ready):
                m.d.sync += [self._word.eq(self._word[8:]), self._byte.eq(self._byte + 1)]
                with m.If(self._byte == 3):
                    m.d.sync += self._index.eq(self._index + 1)
                    m.next = "WORD"
                    with m.If(self._index == words - 1):
                        m.next = "REPLY_CHECK_0"
        for number in range(4):
            with m.State(f"REPLY_CHECK_{number}"):
                after = f"REPLY_CHECK_{number + 1}" if number < 3 else "IDLE"
                send(self._crc.crc[8 * number : 8 * number + 8], after, counts=False)
