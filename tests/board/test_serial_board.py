import os
import random
from dataclasses import replace

import numpy as np
import pytest
import serial

import golden
from examples.digits_board import main as digits_board
from hw.board.boards import BOARDS
from hw.bus.registers import IDENTITY, offset_of
from hw.config import FEATURES
from hw.serial.frames import ANSWER_HEADER, CHECKSUM, Action, Status, decode_answer, decode_request, encode_request
from sim.devices import GoldenDevice
from sim.devices.driver import DriverError, RegisterDevice
from sim.devices.serial_board import SerialBoard
from sim.devices.serial_link import LinkError, SerialLink

CONFIG = BOARDS["ice40_hx8k"].config
FULL = replace(CONFIG, lanes=4, panel_columns=16, rounding_modes=("nearest", "stochastic"), features=FEATURES)
BLOCK = golden.BlockFormat(4, CONFIG.block_size, CONFIG.exponent_width)


@pytest.fixture
def board():
    with SerialBoard(CONFIG) as board:
        yield board


def matrices(m, k, n, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(m, k)).astype(np.float32), rng.normal(size=(k, n)).astype(np.float32)


def equal(device, a, b):
    return (device.matmul(a, b).view(np.uint32) == golden.matmul(a, b, BLOCK).view(np.uint32)).all()


def test_products_of_any_size_equal_golden(board):
    link = SerialLink(board.port)
    device = RegisterDevice(link)
    for seed, shape in enumerate(((1, 1, 1), (5, 33, 7), (3, 16 * 36, 3), (35, 17, 3))):
        assert equal(device, *matrices(*shape, seed)), shape
    assert device.counters["refused"] == 0
    assert link.repeats == 0
    assert device.config.rows == CONFIG.rows
    assert device.config.operand_depth == CONFIG.operand_depth


def test_operands_and_results_in_every_form_equal_golden():
    """Each form of operands, the core's other formats once; packed operands are the least on the line."""
    a, b = matrices(6, 40, 18)
    b.view(np.uint32)[:] &= 0xFFFF0000
    traffic = {}
    with SerialBoard(FULL) as board:
        for operands, options in (
            ("packed", {"rounding": "stochastic", "seed_a": 7, "seed_b": 8, "bias": b[0].copy(), "relu": True}),
            ("bfloat16", {"output": "bfloat16"}),
            ("fp32", {"output": "blocks", "bias": b[1].copy()}),
        ):
            link, reference = SerialLink(board.port), GoldenDevice(FULL)
            device = RegisterDevice(link, operands=operands)
            assert equal(device, a, b)
            traffic[operands] = link.traffic
            reference.matmul(a, b)
            actual, wanted = device.matmul(a, b, **options), reference.matmul(a, b, **options)
            if options.get("output") == "blocks":
                assert (actual.fields == wanted.fields).all()
                assert (actual.mantissas == wanted.mantissas).all()
            else:
                assert (actual.view(np.uint32) == wanted.view(np.uint32)).all(), options
            assert device.health() == reference.health()
            link.close()
    assert traffic["packed"] < traffic["bfloat16"] < traffic["fp32"]


def test_corrupted_frames_are_refused_and_asked_again():
    """A bit in one of some twenty pieces flips, in both directions; nothing is lost or done twice."""
    generator = random.Random(1)

    def disturb(data, way):
        if generator.random() < 0.05:
            place = generator.randrange(len(data))
            data = data[:place] + bytes([data[place] ^ 1 << generator.randrange(8)]) + data[place + 1 :]
        return data

    with SerialBoard(CONFIG, disturb) as board:
        link = SerialLink(board.port, timeout=0.3, attempts=20)
        device = RegisterDevice(link)
        for seed in range(4):
            assert equal(device, *matrices(5, 33, 7, seed))
        assert link.repeats > 0


def test_frames_are_checked_and_not_executed_twice(board):
    link = SerialLink(board.port, timeout=0.3)

    def ask(session, number, action, address, words, corrupt=0):
        frame = bytearray(encode_request(session, number, action, address, words))
        frame[-1] ^= corrupt
        link._serial.write(bytes(frame))
        reads = not action & Action.WRITE
        header = link._serial.read(1 + ANSWER_HEADER.size)
        answer = decode_answer(header + link._serial.read(4 * header[-1] * reads + CHECKSUM.size), reads)
        assert answer[:2] == (session, number)
        return answer[2:]

    enable = offset_of("interrupt_enable") // 4
    read, write, opens = Action(0), Action.WRITE, Action.OPEN
    assert ask(7, 1, read, enable, 1) == (Status.SESSION, 0, [])
    assert ask(7, 1, write | opens, enable, [5], corrupt=1) == (Status.CHECKSUM, 0, [])
    assert ask(7, 1, read | opens, enable, 1) == (Status.DONE, 1, [0])
    assert ask(7, 2, write, enable, [5]) == (Status.DONE, 1, [])
    assert ask(7, 2, write, enable, [6]) == (Status.DONE, 1, [])  # asked again: not executed again
    assert ask(7, 3, read, enable, 1) == (Status.DONE, 1, [5])
    assert ask(7, 3, read, enable, 1) == (Status.DONE, 1, [5])
    assert ask(7, 2, write, enable, [6]) == (Status.ORDER, 0, [])
    assert ask(7, 5, write, enable, [6]) == (Status.ORDER, 0, [])
    assert ask(7, 1, write | opens, enable, [6]) == (Status.ORDER, 0, [])  # the first request, held back by the line
    assert ask(8, 4, write, enable, [6]) == (Status.SESSION, 0, [])
    assert ask(7, 4, read, 0x3FC // 4, 1) == (Status.REFUSED, 0, [])
    assert ask(7, 5, write, 0, [1]) == (Status.REFUSED, 0, [])
    assert ask(7, 6, read, enable, 1) == (Status.DONE, 1, [5])
    assert ask(9, 0xFFFF, read | opens, enable, 1) == (Status.DONE, 1, [5])
    assert ask(9, 0, write, enable, [0]) == (Status.DONE, 1, [])
    link._serial.write(encode_request(9, 1, read, enable, 65)[:8])
    assert decode_answer(link._serial.read(1 + ANSWER_HEADER.size + CHECKSUM.size), False)[:4] == (9, 1, Status.COUNT, 0)


@pytest.mark.parametrize("name", ["data_a", "data_b", "submit", "data_c", "status"])
def test_an_interrupt_at_any_access_leaves_a_working_device(board, name):
    """The answer of an executed request is still on its way when the user gives up."""
    link = SerialLink(board.port)
    device = RegisterDevice(link, timeout=0.5)
    asked, where = link._asked, offset_of(name) // 4

    def interrupted(line, frame, reads):
        if decode_request(frame).address == where:
            line.write(frame)
            link._asked = asked
            raise KeyboardInterrupt
        return asked(line, frame, reads)

    link._asked = interrupted
    with pytest.raises(KeyboardInterrupt):
        device.matmul(*matrices(2, 3, 4))
    assert equal(device, *matrices(2, 3, 4))


def test_refused_commands_name_their_error_and_leave_a_working_device(board):
    device = RegisterDevice(SerialLink(board.port))
    a, b = matrices(2, 3, 4)
    device.config = replace(CONFIG, mantissa_widths=(4, 5))
    with pytest.raises(DriverError, match=r"^the core refused a command: WIDTH$"):
        device.matmul(a, b, width_b=5)
    device.config = replace(CONFIG, operand_depth=1024)
    with pytest.raises(DriverError, match=r"^the core refused a command: A_TOO_LARGE$"):
        device.matmul(*matrices(1, 65 * 16, 1))
    device.config = CONFIG
    assert equal(device, a, b)


def test_missing_features_are_named(board):
    device = RegisterDevice(SerialLink(board.port))
    a, b = matrices(2, 3, 4)
    with pytest.raises(ValueError, match=r"^bias needs a machine with the feature bias; this one has none$"):
        device.matmul(a, b, relu=True)
    text = r"^output blocks needs a machine with the feature requantize; this one has none$"
    with pytest.raises(ValueError, match=text):
        device.matmul(a, b, output="blocks")
    with pytest.raises(ValueError, match=r"^operands must be one of the machine's fp32, not packed$"):
        RegisterDevice(device.transport, operands="packed")


def test_stuck_core_is_reported_and_reset(board):
    """Words that get lost, and a core that takes none."""
    link = SerialLink(board.port)
    device = RegisterDevice(link, timeout=0.2)
    a, b = matrices(2, 3, 4)
    write, where = link.write, offset_of("data_b")
    for taken, text in ((len, "give a result"), (lambda words: 0, "take b")):
        link.write = lambda at, words, fixed=False: taken(words) if at == where else write(at, words, fixed)  # noqa: B023
        with pytest.raises(DriverError, match=rf"^the core did not {text} within 0.2 s$"):
            device.matmul(a, b)
        link.write = write
        assert equal(device, a, b)


def test_absent_port_is_reported():
    with pytest.raises(LinkError, match=r"^serial port /dev/absent cannot be opened: No such file or directory$"):
        SerialLink("/dev/absent")


def test_busy_port_is_reported(board):
    link = SerialLink(board.port)
    with pytest.raises(LinkError, match=rf"^serial port {board.port} is in use by another program$"):
        SerialLink(board.port)
    link.close()
    SerialLink(board.port).close()


def test_a_closed_link_refuses_until_it_is_opened(board):
    link = SerialLink(board.port)
    link.close()
    with pytest.raises(LinkError, match=rf"^serial port {board.port} is closed$"):
        link.read(0)
    link.open()
    assert link.read(0) == [IDENTITY]
    link.close()


class Slow(serial.Serial):
    """A port that takes what it is given, but too late."""

    def write(self, data):
        super().write(data)
        raise serial.SerialTimeoutException("Write timeout")


def test_a_port_that_is_slow_to_take_a_request_is_not_given_up(board, monkeypatch):
    monkeypatch.setattr("serial.Serial", Slow)
    link = SerialLink(board.port)
    assert link.read(0) == [IDENTITY]
    link.close()


def test_port_without_a_core_is_reported():
    master, slave = os.openpty()
    link = SerialLink(os.ttyname(slave), timeout=0.05, attempts=2)
    with pytest.raises(LinkError, match=r"gave no valid answer to 2 requests$"):
        RegisterDevice(link)
    link.close()
    os.close(master)
    os.close(slave)


def test_port_that_disappears_in_the_middle_is_reported_and_opened_again_when_it_is_back(board, tmp_path):
    seen, port = [], tmp_path / "port"
    port.symlink_to(board.port)

    def progress(done, total):
        seen.append((done, total))
        board.unplug()

    device = RegisterDevice(SerialLink(str(port), timeout=0.3), progress=progress)
    with pytest.raises(LinkError, match=r"went away|gave no valid answer"):
        device.matmul(*matrices(35, 17, 3))
    assert seen[0] == (1, seen[0][1])
    assert len(seen) < seen[0][1]
    device.progress = lambda done, total: None
    port.unlink()
    with pytest.raises(LinkError, match=r"went away|cannot be opened: No such file or directory$"):
        device.reset()
    with SerialBoard(CONFIG) as other:
        port.symlink_to(other.port)
        device.reset()
        assert equal(device, *matrices(2, 3, 4))


def test_digits_network_equals_golden_over_the_serial_line(capsys):
    """The example, with the real driver and a pseudo-terminal."""
    assert digits_board(["--images", "2"]) == 0
    assert "equal to golden bit for bit" in " ".join(capsys.readouterr().out.split())
