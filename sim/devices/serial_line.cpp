// A component with a serial line, compiled by Verilator: the C side of sim/devices/serial_board.py.
#include <cstdint>
#include "Vboard.h"
#include "verilated.h"

struct Board {
    VerilatedContext context;
    Vboard top{&context};
    int divisor;
    // Sending to the board: bits left of the frame and cycles left of the bit; receiving likewise.
    int send_bits = 0, send_left = 0, receive_bits = -1, receive_left = 0;
    uint32_t send_frame = 0, receive_byte = 0;
    uint64_t cycles = 0;

    void tick() {
        top.clk = 1;
        top.eval();
        top.clk = 0;
        top.eval();
        ++cycles;
    }
};

extern "C" {

void *board_open(int divisor) {
    auto *board = new Board;
    board->divisor = divisor;
    board->top.clk = 0;
    board->top.rx = 1;
    board->top.rst = 1;
    board->top.eval();
    for (int i = 0; i < 4; ++i) board->tick();
    board->top.rst = 0;
    board->top.eval();
    return board;
}

void board_close(void *handle) { delete static_cast<Board *>(handle); }

// Clocks `cycles` times. Sends up to `to_board` bytes of `bytes`, puts up to `room` received bytes into `received`.
// Returns the number of received bytes and sets `sent`.
int board_run(void *handle, int cycles, const uint8_t *bytes, int to_board, int *sent, uint8_t *received, int room) {
    auto &board = *static_cast<Board *>(handle);
    int got = 0;
    *sent = 0;
    for (int i = 0; i < cycles && got < room; ++i) {
        if (board.send_left == 0) {
            if (board.send_bits == 0 && *sent < to_board) {
                board.send_frame = (uint32_t(bytes[(*sent)++]) << 1) | 0x200;
                board.send_bits = 10;
            }
            if (board.send_bits) {
                board.top.rx = board.send_frame & 1;
                board.send_frame >>= 1;
                --board.send_bits;
                board.send_left = board.divisor;
            } else {
                board.top.rx = 1;
                board.send_left = 1;
            }
        }
        --board.send_left;
        board.tick();
        if (board.receive_bits < 0) {
            if (!board.top.tx) {
                board.receive_bits = 0;
                board.receive_left = board.divisor + board.divisor / 2 - 1;
                board.receive_byte = 0;
            }
        } else if (board.receive_left > 0) {
            --board.receive_left;
        } else if (board.receive_bits == 8) {
            received[got++] = uint8_t(board.receive_byte);
            board.receive_bits = -1;
        } else {
            board.receive_byte |= uint32_t(board.top.tx) << board.receive_bits++;
            board.receive_left = board.divisor - 1;
        }
    }
    return got;
}

int board_busy(void *handle) { return static_cast<Board *>(handle)->top.busy; }
uint64_t board_cycles(void *handle) { return static_cast<Board *>(handle)->cycles; }

}
