# Ref: P. Koopman, "32-Bit Cyclic Redundancy Codes for Internet Applications", DSN 2002, table 1 (IEEE 802.3: Hamming
#      distance 5 for frames of 375 to 2974 bits of data).
"""Frames of the serial line: what both ends agree on.

A request is ``0x5A, session (2 bytes), number (2), action, address, count``, then for a write ``count`` words, then the
checksum. Its answer is ``0xA5, session, number, status, count``, then for a read ``count`` words, then the checksum. All is
little-endian. ``address`` is a register's offset divided by 4; ``count`` of an answer says how many words were
transferred before the status arose.

**Answers belong to questions.** The host opens a session under a random name (``Action.OPEN`` on its first request), and
counts its requests on by one. The board executes the request whose number follows that of the last one executed, and
answers a request of the same number again without executing it again, so that a sender who missed an answer just asks
again. Any other number, or another session, is refused: what a line held back, what another host sent, what a board knew
before it was reset. After a failure the host does not know whether its last request was executed, so it opens another
session.

**The checksum** is CRC-32 (IEEE 802.3) of everything between the first byte and itself. In our longest frame, 267 bytes,
it detects every error of up to four bits, every burst of up to 32, and any two corrupted bytes whatever became of them
(``tests/serial/test_frames.py`` tries them all); of other errors it misses one in 2**32.
"""

import struct
import zlib
from enum import IntEnum, IntFlag
from typing import NamedTuple

__all__ = [
    "ANSWER", "MAX_WORDS", "REQUEST", "Action", "Answer", "Request", "Status", "decode_answer", "decode_request",
    "encode_answer", "encode_request", "next_number",
]  # fmt: skip

REQUEST, ANSWER = 0x5A, 0xA5
MAX_WORDS = 64
"""Most words of a frame."""
REQUEST_HEADER, ANSWER_HEADER, CHECKSUM = struct.Struct("<HHBBB"), struct.Struct("<HHBB"), struct.Struct("<I")
"""What lies between the first byte and the words, and what ends a frame."""


class Action(IntFlag):
    """What a request wants."""

    WRITE = 1  # otherwise read
    FIXED = 2  # all words at one address, otherwise at rising addresses
    LAST = 4  # with FIXED: the last word at the next address, which ends a line of an operand
    OPEN = 8  # first begin the session that the request names; of the session that is open, the number decides as always


class Status(IntEnum):
    """What became of a request."""

    DONE = 0
    CHECKSUM = 1  # corrupted; nothing was executed
    COUNT = 2  # count is 0 or above MAX_WORDS; nothing was executed
    REFUSED = 3  # a register refused: not there, not readable, not writable, no room or no data
    SESSION = 4  # another session is open, or none since the board was reset; nothing was executed
    ORDER = 5  # neither the next number nor the last; nothing was executed


class Request(NamedTuple):
    """A request; ``words`` are those to write, or none."""

    session: int
    number: int
    action: Action
    address: int
    count: int  # type: ignore[assignment]  # hides tuple.count, which says nothing about frames
    words: list[int]


class Answer(NamedTuple):
    """An answer; ``words`` are those that were read."""

    session: int
    number: int
    status: Status
    count: int  # type: ignore[assignment]  # hides tuple.count, which says nothing about frames
    words: list[int]


def next_number(number: int) -> int:
    """The number of the request after this one."""
    return (number + 1) & 0xFFFF


def _frame(start: int, body: bytes) -> bytes:
    return bytes([start]) + body + CHECKSUM.pack(zlib.crc32(body))


def _body(start: int, header: struct.Struct, frame: bytes) -> tuple[tuple[int, ...], bytes] | None:
    """Header's fields and payload of a whole frame; None if it is corrupted."""
    body, check = frame[1 : -CHECKSUM.size], frame[-CHECKSUM.size :]
    if len(body) < header.size or frame[0] != start or CHECKSUM.pack(zlib.crc32(body)) != check:
        return None
    return header.unpack_from(body), body[header.size :]


def _words(payload: bytes) -> list[int]:
    return list(struct.unpack(f"<{len(payload) // 4}I", payload))


def encode_request(session: int, number: int, action: Action, address: int, words: list[int] | int) -> bytes:
    """Bytes of a request; ``words`` are those to write or the number of those to read."""
    payload = struct.pack(f"<{len(words)}I", *words) if isinstance(words, list) else b""
    count = len(words) if isinstance(words, list) else words
    return _frame(REQUEST, REQUEST_HEADER.pack(session, number, action, address, count) + payload)


def decode_request(frame: bytes) -> Request | None:
    """A whole request; None if it is corrupted."""
    found = _body(REQUEST, REQUEST_HEADER, frame)
    if found is None:
        return None
    (session, number, action, address, count), payload = found
    if len(payload) != (4 * count if action & Action.WRITE else 0):
        return None
    return Request(session, number, Action(action), address, count, _words(payload))


def encode_answer(session: int, number: int, status: Status, count: int, words: list[int]) -> bytes:
    """Bytes of an answer."""
    return _frame(ANSWER, ANSWER_HEADER.pack(session, number, status, count) + struct.pack(f"<{len(words)}I", *words))


def decode_answer(frame: bytes, reads: bool) -> Answer | None:
    """A whole answer to a request that reads, or writes; None if it is corrupted."""
    found = _body(ANSWER, ANSWER_HEADER, frame)
    if found is None:
        return None
    (session, number, status, count), payload = found
    if len(payload) != (4 * count if reads else 0) or status > max(Status):
        return None
    return Answer(session, number, Status(status), count, _words(payload))
