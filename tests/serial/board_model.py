"""A board at the other end of a line that may do anything to what passes, in Python."""

from hw.serial.frames import (
    CHECKSUM,
    MAX_WORDS,
    REQUEST,
    REQUEST_HEADER,
    Action,
    Request,
    Status,
    decode_request,
    encode_answer,
    next_number,
)  # fmt: skip

__all__ = ["Board", "Line"]


class Board:
    """What ``FrameBridge`` does, with registers that give another number each time they are read.

    Attributes
    ----------
    executed
        requests that were executed, with the words that they read.
    """

    def __init__(self):
        self.executed: list[tuple[Request, list[int]]] = []
        self.ticket = 0
        self.reset()

    def reset(self) -> None:
        """As after power-on; what was executed stays known to the test."""
        self.kept: tuple[int, int] | None = None
        self.answer = Status.DONE, 0, []

    def take(self, frame: bytes) -> bytes:
        """The answer to a frame that begins like a request and is as long as it says."""
        session, number, _, _, count = REQUEST_HEADER.unpack_from(frame, 1)
        request = decode_request(frame)
        if not 0 < count <= MAX_WORDS:
            return encode_answer(session, number, Status.COUNT, 0, [])
        if request is None:
            return encode_answer(session, number, Status.CHECKSUM, 0, [])
        if self.kept != (session, number):
            if self.kept is not None and self.kept[0] == session:
                if next_number(self.kept[1]) != number:
                    return encode_answer(session, number, Status.ORDER, 0, [])
            elif not request.action & Action.OPEN:
                return encode_answer(session, number, Status.SESSION, 0, [])
            self.kept = session, number
            self._execute(request)
        return encode_answer(session, number, *self.answer)

    def _execute(self, request: Request) -> None:
        words = []
        if not request.action & Action.WRITE:
            words = [self.ticket + i for i in range(request.count)]
            self.ticket += request.count
        self.executed.append((request, words))
        self.answer = Status.DONE, request.count, words


class Line:
    """The serial port, as far as ``SerialLink`` uses it: bytes go through ``to`` and ``fro``, lists of faults to come.

    A fault is a function of the bytes of a frame and of what is held back; it gives what passes. ``interrupt`` raises
    ``KeyboardInterrupt`` at the host's next look for an answer.
    """

    def __init__(self, board: Board):
        self.board, self.to, self.fro = board, [], []
        self.held: dict[str, list[bytes]] = {"to": [], "fro": []}
        self.inbox, self.outbox = b"", b""
        self.interrupt = False

    def write(self, data: bytes) -> None:
        """Bytes for the board, which answers at once."""
        self.inbox += self._pass(data, self.to, "to")
        while (start := self.inbox.find(REQUEST)) >= 0:
            rest = self.inbox[start:]
            if len(rest) < 1 + REQUEST_HEADER.size:
                break
            _, _, action, _, count = REQUEST_HEADER.unpack_from(rest, 1)
            size = 4 * count if action & Action.WRITE and 0 < count <= MAX_WORDS else 0
            length = 1 + REQUEST_HEADER.size + size + CHECKSUM.size
            if len(rest) < length:
                break
            self.inbox = rest[length:]
            self.outbox += self._pass(self.board.take(rest[:length]), self.fro, "fro")
        else:
            self.inbox = b""

    def _pass(self, data: bytes, faults: list, way: str) -> bytes:
        return faults.pop(0)(data, self.held[way]) if faults else data

    def pause(self) -> None:
        """The gap after which the board forgets half a frame."""
        self.inbox = b""

    def read(self, count: int) -> bytes:
        """Bytes from the board; fewer where none come in time."""
        if self.interrupt:
            self.interrupt = False
            raise KeyboardInterrupt
        data, self.outbox = self.outbox[:count], self.outbox[count:]
        if not data:
            self.pause()
        return data

    def reset_input_buffer(self) -> None:
        """Drop what has come; what the line still holds comes later."""
        self.outbox = b""

    def close(self) -> None:
        """The line stays as it is."""
