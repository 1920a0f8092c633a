"""Registers of a core at the other end of a serial port."""

import errno
import os
import time

import serial

from hw.serial.frames import MAX_WORDS, Action, Status, decode_answer, encode_request

__all__ = ["LinkError", "SerialLink"]


class LinkError(RuntimeError):
    """A transport that is absent, busy, gone, or whose other end does not answer as it should."""


class SerialLink:
    """Register accesses in frames, asked again until the answer is whole.

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
        self._serial = None
        self.open()

    def open(self) -> None:
        """Open the port, after ``close`` or when it was lost. The next request starts a new sequence."""
        self.close()
        try:
            self._serial = serial.Serial(
                self.port, self.baud, timeout=self.timeout, write_timeout=self.timeout, exclusive=True
            )
        except (serial.SerialException, OSError) as error:
            busy = error.errno in (errno.EWOULDBLOCK, errno.EBUSY)
            reason = "is in use by another program" if busy else f"cannot be opened: {_reason(error)}"
            raise LinkError(f"serial port {self.port} {reason}") from None
        self._sequence = 0

    def close(self) -> None:
        """Give the port back."""
        if self._serial is not None:
            self._serial.close()
        self._serial = None

    def read(self, offset: int, count: int = 1, fixed: bool = False) -> list[int]:
        """Up to ``count`` words from a register on, or from it alone; fewer if the core had no more."""
        words: list[int] = []
        while len(words) < count:
            wanted = min(MAX_WORDS, count - len(words))
            at = offset if fixed else offset + 4 * len(words)
            got = self._ask(Action.FIXED if fixed else Action(0), at, wanted)[1]
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
            taken = self._ask(Action.WRITE | (Action.FIXED if fixed else 0), at, part)[0]
            done += taken
            if taken < len(part):
                break
        return done

    def _ask(self, action: Action, offset: int, words) -> tuple[int, list[int]]:
        if self._serial is None:
            raise LinkError(f"serial port {self.port} is closed")
        frame = encode_request(self._sequence, action, offset // 4, words)
        reads = not action & Action.WRITE
        for _ in range(self.attempts):
            try:
                self._serial.write(frame)
                self.traffic += len(frame)
                answer = self._answer(reads)
            except (serial.SerialException, OSError, TypeError) as error:  # TypeError: the port was closed meanwhile
                self.close()
                raise LinkError(f"serial port {self.port} went away: {_reason(error)}") from None
            if answer is not None and answer[0] == self._sequence and answer[1] in (Status.DONE, Status.REFUSED):
                self._sequence = self._sequence % 255 + 1
                return answer[2], answer[3]
            self.repeats += 1
        raise LinkError(f"serial port {self.port} gave no valid answer to {self.attempts} requests")

    def _answer(self, reads: bool):
        """The next answer; None if it is corrupted or none comes in time. What came before it is dropped."""
        start = b""
        deadline = time.monotonic() + self.timeout
        while start != b"\xa5":
            start = self._serial.read(1)
            if not start or time.monotonic() > deadline:
                return None
        header = self._serial.read(3)
        if len(header) < 3:
            return None
        payload = 4 * header[2] if reads else 0
        frame = start + header + self._serial.read(payload + 2)
        self.traffic += len(frame)
        answer = decode_answer(frame, reads) if len(frame) == payload + 6 else None
        if answer is None:
            time.sleep(0.01)
            self._serial.reset_input_buffer()
        return answer


def _reason(error: Exception) -> str:
    number = getattr(error, "errno", None)
    return os.strerror(number) if number else str(error) or type(error).__name__
