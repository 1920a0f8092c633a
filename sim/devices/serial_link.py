"""Registers of a core at the other end of a serial port."""

import errno
import os
import secrets
import time
from contextlib import suppress
from typing import cast

import serial

from hw.serial.frames import (
    ANSWER,
    ANSWER_HEADER,
    CHECKSUM,
    MAX_WORDS,
    Action,
    Answer,
    Status,
    decode_answer,
    encode_request,
    next_number,
)  # fmt: skip

__all__ = ["LinkError", "SerialLink"]


class LinkError(RuntimeError):
    """A transport that is absent, busy, gone, or whose other end does not answer as it should."""


class SerialLink:
    """Register accesses in frames, asked again until the answer is whole.

    An answer is taken only if it belongs to the question: see ``hw.serial.frames``. After any failure, an interrupt
    included, the next request opens another session, so that nothing from before can be taken for its answer; and a port
    that went away is opened again by it, if it is there.

    Parameters
    ----------
    port
        name of the serial port.
    baud
        bits per second.
    timeout
        seconds to wait for an answer.
    attempts
        times a request is sent.

    Attributes
    ----------
    repeats
        requests sent again so far.
    traffic
        bytes sent and received so far.

    Raises
    ------
    LinkError
        if the port cannot be opened.
    """

    def __init__(self, port: str, baud: int = 1_000_000, timeout: float = 1.0, attempts: int = 4):
        self.port = port
        self.baud = baud
        self.timeout = timeout
        self.attempts = attempts
        self.repeats = self.traffic = 0
        self._serial: serial.Serial | None = None
        self._closed = False
        self._session: int | None = None
        self._number = 0
        self.open()

    def open(self) -> None:
        """Open the port, after ``close`` or anew. The next request opens a session."""
        self._drop()
        try:
            self._serial = serial.Serial(
                self.port, self.baud, timeout=self.timeout, write_timeout=self.timeout, exclusive=True
            )
        except (serial.SerialException, OSError) as error:
            busy = error.errno in (errno.EWOULDBLOCK, errno.EBUSY)
            reason = "is in use by another program" if busy else f"cannot be opened: {_reason(error)}"
            raise LinkError(f"serial port {self.port} {reason}") from None
        self._session, self._closed = None, False

    def close(self) -> None:
        """Give the port back; requests are refused until ``open``."""
        self._drop()
        self._closed = True

    def _drop(self) -> None:
        if self._serial is not None:
            self._serial.close()
        self._serial = None

    def read(self, offset: int, count: int = 1, fixed: bool = False) -> list[int]:
        """Up to ``count`` words from a register on, or from it alone; fewer if the core had no more."""
        words: list[int] = []
        while len(words) < count:
            wanted = min(MAX_WORDS, count - len(words))
            at = offset if fixed else offset + 4 * len(words)
            got = self._ask(Action.FIXED if fixed else Action(0), at, wanted).words
            words += got
            if len(got) < wanted:
                break
        return words

    def write(self, offset: int, words: list[int], fixed: bool = False) -> int:
        """Write words from a register on, or all to it; returns how many the core took."""
        done = 0
        while done < len(words):
            part = words[done : done + MAX_WORDS]
            at = offset if fixed else offset + 4 * done
            taken = self._ask(Action.WRITE | (Action.FIXED if fixed else 0), at, part).count
            done += taken
            if taken < len(part):
                break
        return done

    def _ask(self, action: Action, offset: int, words: list[int] | int) -> Answer:
        """The answer to a request; whatever else happens ends the session."""
        if self._closed:
            raise LinkError(f"serial port {self.port} is closed")
        if self._serial is None:
            self.open()
        line = cast(serial.Serial, self._serial)
        answer = None
        try:
            if self._session is None:
                self._session, self._number = 1 + secrets.randbelow(0xFFFF), secrets.randbelow(0x10000)
                line.reset_input_buffer()
                action |= Action.OPEN
            frame = encode_request(self._session, self._number, action, offset // 4, words)
            answer = self._asked(line, frame, reads=not action & Action.WRITE)
            self._number = next_number(self._number)
        except (serial.SerialException, OSError, TypeError) as error:  # TypeError: the port was closed meanwhile
            self._drop()
            raise LinkError(f"serial port {self.port} went away: {_reason(error)}") from None
        finally:
            if answer is None:
                self._session = None
        return answer

    def _asked(self, line: serial.Serial, frame: bytes, reads: bool) -> Answer:
        """Send a request until it is answered as done, or refused by a register."""
        for attempt in range(self.attempts):
            self.repeats += attempt > 0
            with suppress(serial.SerialTimeoutException):  # if it was not sent, it is not answered
                line.write(frame)
            self.traffic += len(frame)
            answer = self._answer(line, reads)
            if answer is None or answer.status in (Status.CHECKSUM, Status.COUNT):
                continue
            if answer.status in (Status.SESSION, Status.ORDER):
                raise LinkError(f"serial port {self.port}: the board was reset, or another program uses it")
            return answer
        raise LinkError(f"serial port {self.port} gave no valid answer to {self.attempts} requests")

    def _answer(self, line: serial.Serial, reads: bool) -> Answer | None:
        """The answer to the present request; None if none comes in time, or it is corrupted. Others are dropped."""
        deadline = time.monotonic() + self.timeout
        while time.monotonic() < deadline:
            if line.read(1) != bytes([ANSWER]):
                continue
            header = line.read(ANSWER_HEADER.size)
            if len(header) < ANSWER_HEADER.size:
                break
            size = (4 * header[-1] if reads else 0) + CHECKSUM.size
            frame = bytes([ANSWER]) + header + line.read(size)
            self.traffic += len(frame)
            answer = decode_answer(frame, reads)
            if answer is None:
                time.sleep(0.01)
                line.reset_input_buffer()
                break
            if answer.status == Status.CHECKSUM or (answer.session, answer.number) == (self._session, self._number):
                return answer
        return None


def _reason(error: Exception) -> str:
    number = getattr(error, "errno", None)
    return os.strerror(number) if number else str(error) or type(error).__name__
