"""Frames of the serial line: what both ends agree on.

A request is ``0x5A, sequence, action, address, count``, then for a write ``count`` words, then the checksum. Its answer
is ``0xA5, sequence, status, count``, then for a read ``count`` words, then the checksum. Words and checksum are
little-endian; the checksum is CRC-16/CCITT (polynomial 0x1021, start 0xFFFF, not reflected) of everything between the
first byte and itself. ``address`` is a register's offset divided by 4; ``count`` of an answer says how many words were
transferred before the status arose.

A request with a wrong checksum is answered by ``Status.CHECKSUM`` and not executed. A request with the sequence number
of the last executed one is not executed again but answered again, so that a sender who missed an answer just asks
again. Sequence number 0 is always executed.
"""

import binascii
import struct
from enum import IntEnum, IntFlag

__all__ = ["ANSWER", "MAX_WORDS", "REQUEST", "Action", "Status", "decode_answer", "encode_request"]

REQUEST, ANSWER = 0x5A, 0xA5
MAX_WORDS = 64
"""Most words of a frame."""


class Action(IntFlag):
    """What a request wants."""

    WRITE = 1  # otherwise read
    FIXED = 2  # all words at one address, otherwise at rising addresses
    LAST = 4  # with FIXED: the last word at the next address, which ends a line of an operand


class Status(IntEnum):
    """What became of a request."""

    DONE = 0
    CHECKSUM = 1  # corrupted; nothing was executed
    COUNT = 2  # count is 0 or above MAX_WORDS; nothing was executed
    REFUSED = 3  # a register refused: not there, not readable, not writable, no room or no data


def checksum(body: bytes) -> bytes:
    """The two bytes that end a frame."""
    return struct.pack("<H", binascii.crc_hqx(body, 0xFFFF))


def encode_request(sequence: int, action: Action, address: int, words: list[int] | int) -> bytes:
    """Bytes of a request; ``words`` are those to write or the number of those to read."""
    payload = struct.pack(f"<{len(words)}I", *words) if action & Action.WRITE else b""
    body = bytes([sequence, action, address, len(words) if action & Action.WRITE else words]) + payload
    return bytes([REQUEST]) + body + checksum(body)


def decode_answer(frame: bytes, reads: bool) -> tuple[int, Status, int, list[int]] | None:
    """Sequence number, status, count and words of a whole answer; None if it is corrupted."""
    body = frame[1:-2]
    if len(frame) < 6 or frame[0] != ANSWER or checksum(body) != frame[-2:] or body[1] > max(Status):
        return None
    words = list(struct.unpack(f"<{(len(body) - 3) // 4}I", body[3:])) if reads else []
    return body[0], Status(body[1]), body[2], words
