"""What the checksum and the tags of the serial line promise."""

import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hw.serial.frames import (
    MAX_WORDS,
    Action,
    Status,
    decode_answer,
    decode_request,
    encode_answer,
    encode_request,
    next_number,
)  # fmt: skip

WORDS = st.lists(st.integers(0, 2**32 - 1), min_size=1, max_size=MAX_WORDS)
TAG = st.integers(0, 0xFFFF)
LONGEST = len(encode_request(1, 2, Action.WRITE, 3, [0] * MAX_WORDS)) - 1
"""Bytes of the longest frame that its checksum covers, itself included."""


@given(TAG, TAG, st.integers(0, 15), st.integers(0, 255), WORDS)
def test_requests_come_through(session, number, action, address, words):
    action = Action(action)
    given_words = words if action & Action.WRITE else len(words)
    request = decode_request(encode_request(session, number, action, address, given_words))
    assert request == (session, number, action, address, len(words), words if action & Action.WRITE else [])


@given(TAG, TAG, st.sampled_from(Status), WORDS)
def test_answers_come_through(session, number, status, words):
    assert decode_answer(encode_answer(session, number, status, len(words), words), True) == (
        session, number, status, len(words), words,
    )  # fmt: skip
    assert decode_answer(encode_answer(session, number, status, 9, []), False) == (session, number, status, 9, [])


@given(st.binary(max_size=40))
def test_noise_is_no_frame(data):
    """Nothing but what an encoder makes is taken."""
    for decode in (decode_request, lambda frame: decode_answer(frame, True), lambda frame: decode_answer(frame, False)):
        assert decode(data) is None


def test_a_length_that_does_not_fit_is_no_frame():
    answer = encode_answer(1, 2, Status.DONE, 2, [5])
    assert decode_answer(answer, True) is None
    assert decode_request(encode_request(1, 2, Action.WRITE, 3, [5])) is not None


def test_numbers_wrap():
    assert [next_number(n) for n in (0, 0xFFFE, 0xFFFF)] == [1, 0xFFFF, 0]


def test_any_two_corrupted_bytes_are_found():
    """CRC is linear, so two errors hide each other only if their own checksums are equal: all are compared."""

    def syndrome(error: int, zeros: int) -> int:
        body = bytes([error]) + bytes(zeros)
        return zlib.crc32(body) ^ zlib.crc32(bytes(len(body)))

    seen: dict[int, tuple[int, int]] = {}
    for place in range(LONGEST):
        for error in range(1, 256):
            value = syndrome(error, place)
            assert value != 0
            assert seen.setdefault(value, (place, error)) == (place, error)
    assert len(seen) == 255 * LONGEST


@pytest.mark.parametrize("flips", [(0, 5, 77, 2000), (1, 2, 3, 4), (8 * LONGEST - 8,)])
def test_flipped_bits_are_found(flips):
    frame = bytearray(encode_request(1, 2, Action.WRITE, 3, list(range(MAX_WORDS))))
    for flip in flips:
        frame[1 + flip // 8] ^= 1 << flip % 8
    assert decode_request(bytes(frame)) is None
