"""Several commands of a core under way at once: operands go out ahead, results are fetched as they come."""

import time
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from hw.bus.registers import offset_of
from hw.config import CoreConfig
from sim.devices.packets import Words

__all__ = ["CommandQueue", "Parcel", "RegisterStreams", "Streams", "Stuck", "Transport"]

CHUNK = 1024
"""Words offered at once, so that results are not left waiting for long."""


class Transport(Protocol):
    """Registers of a core, wherever it is."""

    def read(self, offset: int, count: int = 1, fixed: bool = False) -> list[int]:
        """Up to ``count`` words from a register on, or from it alone; fewer if the core had no more."""
        ...

    def write(self, offset: int, words: list[int], fixed: bool = False) -> int:
        """Write words from a register on, or all to it; returns how many the core took."""
        ...


class Streams(Protocol):
    """Ways of operands to a core, and of C from it."""

    def parts(self, name: str, packets: list[Words]) -> list[Words]:
        """What ``send`` takes one after another."""
        ...

    def send(self, name: str, words: Words) -> int:
        """Offer words to the stream "a", "b" or "bias"; returns how many were taken."""
        ...

    def receive(self, count: int) -> list[int]:
        """Up to ``count`` words of C; fewer if there are no more yet."""
        ...

    def flush(self) -> None:
        """The core was reset: nothing is on its way."""
        ...


class Stuck(Exception):
    """Nothing has moved for the time given; says what was waited for."""


@dataclass
class Parcel:
    """A command on its way.

    Parameters
    ----------
    command
        its words.
    packets
        of the streams it takes from, by their names.
    words
        of C, which go to ``deliver``.
    unsent
        parts of A and B. The bias does not count: the core takes it while C leaves.
    """

    command: list[int]
    packets: dict[str, list[Words]]
    words: int
    deliver: Callable[[Words], None]
    unsent: int = 0
    received: list[int] = field(default_factory=list)


class RegisterStreams:
    """Streams through a core's data registers.

    Lines are padded to whole beats of the core, so that they need no mark at their ends.
    """

    def __init__(self, transport: Transport, config: CoreConfig):
        self.transport = transport
        self._beats = {"a": config.lanes, "b": config.lanes, "bias": config.tile_columns}
        self._refused = dict.fromkeys(self._beats, False)

    def parts(self, name: str, packets: list[Words]) -> list[Words]:
        """What ``send`` takes one after another."""
        beat = self._beats[name]
        return [np.concatenate([np.pad(packet, (0, -len(packet) % beat)) for packet in packets])]

    def send(self, name: str, words: Words) -> int:
        """Offer words; returns how many were taken. After a refusal a single word tries whether there is room again."""
        offered = words[:1] if self._refused[name] else words[:CHUNK]
        taken = self.transport.write(offset_of(f"data_{name}"), offered.tolist(), True)
        self._refused[name] = taken < len(offered)
        return taken

    def receive(self, count: int) -> list[int]:
        """Up to ``count`` words of C; fewer if there are no more yet."""
        return self.transport.read(offset_of("data_c"), min(count, CHUNK), True)

    def flush(self) -> None:
        """The core was reset: nothing is on its way."""
        self._refused = dict.fromkeys(self._beats, False)


class CommandQueue:
    """Keeps up to ``depth`` commands under way.

    Whatever can move moves: a command into the core, words of each operand, words of C. Nothing waits for anything
    else, so a full operand buffer does not keep results from being fetched, nor the other way round.

    Parameters
    ----------
    transport
        registers, see ``RegisterDevice``.
    streams
        for instance ``RegisterStreams``.
    timeout
        seconds in which something has to move.
    """

    def __init__(self, transport: Transport, streams: Streams, depth: int, timeout: float):
        self.transport = transport
        self.streams = streams
        self.depth = depth
        self.timeout = timeout

    def run(self, parcels: Iterable[Parcel], check: Callable[[], object]) -> None:
        """Carry out commands; ``check`` is called when nothing moves, and raises if there is a reason.

        Raises
        ------
        Stuck
            after ``timeout`` without progress.
        """
        self._flying: deque[Parcel] = deque()
        self._unsent: dict[str, deque[tuple[Parcel, Words]]] = {}
        self._loaded = False
        source = iter(parcels)
        waiting = next(source, None)
        deadline = time.monotonic() + self.timeout
        while waiting or self._flying:
            moved = False
            if waiting and len(self._flying) < self.depth and self._submit(waiting):
                waiting, moved = next(source, None), True
            for name in self._unsent:
                moved |= self._send(name)
            moved |= self._receive(moved)
            if moved:
                deadline = time.monotonic() + self.timeout
                continue
            check()
            if time.monotonic() > deadline:
                raise Stuck(self._waited_for())

    def _submit(self, parcel: Parcel) -> bool:
        """Whether the core has taken a command."""
        if not self._loaded:
            self._loaded = self.transport.write(offset_of("command_0"), parcel.command) == len(parcel.command)
        if not self._loaded or not self.transport.write(offset_of("submit"), [1]):
            return False
        self._loaded = False
        self._flying.append(parcel)
        for name, packets in parcel.packets.items():
            parts = self.streams.parts(name, packets)
            parcel.unsent += len(parts) if name != "bias" else 0
            self._unsent.setdefault(name, deque()).extend((parcel, part) for part in parts)
        return True

    def _send(self, name: str) -> bool:
        """Whether words of an operand were taken."""
        queue = self._unsent[name]
        moved = False
        while queue:
            parcel, words = queue[0]
            taken = self.streams.send(name, words)
            moved |= taken > 0
            if taken < len(words):
                queue[0] = parcel, words[taken:]
                break
            queue.popleft()
            parcel.unsent -= name != "bias"
        return moved

    def _receive(self, sending: bool) -> bool:
        """Whether words of C came, or the oldest command is done. While operands still go out, it is not asked for C."""
        if not self._flying or (sending and self._flying[0].unsent):
            return False
        parcel = self._flying[0]
        count = parcel.words - len(parcel.received)
        words = self.streams.receive(count) if count else []
        parcel.received += words
        if parcel.unsent or len(parcel.received) < parcel.words:
            return bool(words)
        self._flying.popleft()
        parcel.deliver(np.array(parcel.received, np.uint32))
        return True

    def _waited_for(self) -> str:
        sending = [f"take {name}" for name, queue in self._unsent.items() if queue]
        return " or ".join(sending) or ("give a result" if self._flying else "take a command")
