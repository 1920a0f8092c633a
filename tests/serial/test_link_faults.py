"""The host's link against a board model and a line that loses, repeats, holds back, cuts and corrupts."""

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from hw.serial.frames import Action
from sim.devices import serial_link
from sim.devices.serial_link import LinkError, SerialLink
from tests.serial.board_model import Board, Line

PLACE = st.integers(0, 300)


def lose(data, held):
    return b""


def repeat(data, held):
    return data + data


def hold_back(data, held):
    held.append(data)
    return b""


def let_go(data, held):
    """What was held back comes first, in the order of its coming or after what is new."""
    late, held[:] = b"".join(held), []
    return late + data


def let_go_after(data, held):
    late, held[:] = b"".join(held), []
    return data + late


def cut(place):
    return lambda data, held: data[: place % len(data)]


def corrupt(first, second, noise):
    def fault(data, held):
        changed = bytearray(data)
        for place, bits in zip((first, second), noise, strict=True):
            changed[place % len(data)] ^= bits
        return bytes(changed)

    return fault


FAULTS = st.one_of(
    st.sampled_from([lose, repeat, hold_back, let_go, let_go_after]),
    st.builds(cut, PLACE),
    st.builds(corrupt, PLACE, PLACE, st.tuples(st.integers(0, 255), st.integers(0, 255))),
)


def connected(line: Line, **options) -> SerialLink:
    """A link whose port is the line."""
    with pytest.MonkeyPatch.context() as context:
        context.setattr(serial_link.serial, "Serial", lambda *_, **__: line)
        return SerialLink("the line", timeout=0.002, **options)


class Faults(RuleBasedStateMachine):
    """Reads and writes in any order, between faults of every kind. A wrong answer is never accepted."""

    @initialize()
    def start(self):
        self.board = Board()
        self.line = Line(self.board)
        self.link = self.connect()

    def connect(self) -> SerialLink:
        """A host program that starts; the line keeps what it held."""
        return connected(self.line, attempts=3)

    def ask(self, call):
        """What a call gave, and what the board executed meanwhile; nothing where it failed."""
        before = len(self.board.executed)
        try:
            result = call()
        except (LinkError, KeyboardInterrupt):
            assert len(self.board.executed) - before <= 2  # this one, and one that a line held back with its session
            return None, []
        return result, self.board.executed[before:]

    @rule(count=st.integers(1, 3))
    def read(self, count):
        words, executed = self.ask(lambda: self.link.read(8, count))
        if words is not None:
            assert words in [read for _, read in executed]

    @rule(words=st.lists(st.integers(0, 2**32 - 1), min_size=1, max_size=3))
    def write(self, words):
        taken, executed = self.ask(lambda: self.link.write(8, words))
        if taken is not None:
            assert taken == len(words)
            mine = [r for r, _ in executed if r.session == self.link._session]
            assert [request.words for request in mine] == [words]

    @rule(fault=FAULTS, way=st.sampled_from(["to", "fro"]), later=st.integers(0, 1))
    def disturb(self, fault, way, later):
        """The next frame of a way, or the one after it, meets a fault."""
        getattr(self.line, way).extend([lambda data, held: data] * later + [fault])

    @rule()
    def interrupt(self):
        self.line.interrupt = True

    @rule()
    def reset_board(self):
        self.board.reset()
        self.line.inbox = b""

    @rule()
    def restart_host(self):
        self.link = self.connect()

    def teardown(self):
        """On a quiet line everything works again, at the second request at the latest."""
        self.line.to.clear(), self.line.fro.clear()
        self.line.interrupt = False
        for _ in range(2):
            words, _ = self.ask(lambda: self.link.read(8))
        assert words == [self.board.ticket - 1]


TestFaults = Faults.TestCase
TestFaults.settings = settings(
    max_examples=150, stateful_step_count=25, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)


def test_an_answer_that_comes_late_answers_nothing_else():
    """The fault that was there once: an interrupted request, whose answer was taken for the next one's."""
    board = Board()
    line = Line(board)
    link = connected(line)
    line.interrupt = True
    with pytest.raises(KeyboardInterrupt):
        link.read(8)
    assert link.read(8) == [1]
    assert link.write(8, [5]) == 1
    assert [request.action for request, _ in board.executed] == [Action.OPEN, Action.OPEN, Action.WRITE]


def test_a_first_request_that_comes_again_late_is_not_executed_again():
    """The line held it back, its repetition was answered, and the next request as well: found by the machine above."""
    board = Board()
    line = Line(board)
    link = connected(line)
    line.to.append(hold_back)
    assert link.write(8, [5]) == 1
    line.to.append(let_go_after)
    assert link.write(8, [6]) == 1
    assert [request.words for request, _ in board.executed] == [[5], [6]]
