// A core on AXI compiled by Verilator, driven through its registers and streams: the C side of sim/devices/compiled_axi.py.
#include <algorithm>
#include <cstdint>
#include <cstring>
#include <deque>
#include <vector>
#include "Vaxi.h"
#include "verilated.h"

struct Beat {
    uint32_t words[16];
    uint64_t keep;
    bool last;
};

struct Machine {
    VerilatedContext context;
    Vaxi top{&context};
    std::deque<Beat> sources[3];  // A, B, bias
    std::deque<uint32_t> results;
    uint64_t cycles = 0;
    bool offered[3] = {};  // a beat once offered stays until it is taken
    uint32_t stalls = 0;   // state of an xorshift; 0: nothing stalls

    // Whether a channel goes on in this cycle: always, or for half of the cycles at random.
    bool goes() {
        if (!stalls) return true;
        stalls ^= stalls << 13;
        stalls ^= stalls >> 17;
        stalls ^= stalls << 5;
        return stalls >> 31;
    }

    // Ports of any width are little-endian words in memory.
    template <typename Data, typename Keep>
    void offer(int source, Data &data, Keep &keep, CData &last, CData &valid) {
        if (sources[source].empty()) offered[source] = false;
        else if (!offered[source]) offered[source] = goes();
        valid = offered[source];
        if (!valid) return;
        const Beat &beat = sources[source].front();
        std::memcpy(&data, beat.words, sizeof data);
        keep = Keep(beat.keep);
        last = beat.last;
    }

    void take(int source) {
        sources[source].pop_front();
        offered[source] = false;
    }

    void tick() {
        offer(0, top.s_axis_a_tdata, top.s_axis_a_tkeep, top.s_axis_a_tlast, top.s_axis_a_tvalid);
        offer(1, top.s_axis_b_tdata, top.s_axis_b_tkeep, top.s_axis_b_tlast, top.s_axis_b_tvalid);
#ifdef HAS_BIAS
        offer(2, top.s_axis_bias_tdata, top.s_axis_bias_tkeep, top.s_axis_bias_tlast, top.s_axis_bias_tvalid);
#endif
        top.m_axis_c_tready = goes();
        top.eval();
        if (top.s_axis_a_tvalid && top.s_axis_a_tready) take(0);
        if (top.s_axis_b_tvalid && top.s_axis_b_tready) take(1);
#ifdef HAS_BIAS
        if (top.s_axis_bias_tvalid && top.s_axis_bias_tready) take(2);
#endif
        if (top.m_axis_c_tvalid && top.m_axis_c_tready) {
            uint32_t words[16];
            std::memcpy(words, &top.m_axis_c_tdata, sizeof top.m_axis_c_tdata);
            const uint64_t keep = uint64_t(top.m_axis_c_tkeep);
            for (int i = 0; i < 16 && keep >> 4 * i & 1; ++i) results.push_back(words[i]);
        }
        top.clk = 1;
        top.eval();
        top.clk = 0;
        ++cycles;
    }
};

extern "C" {

void *axi_open() {
    auto *machine = new Machine;
    auto &top = machine->top;
    top.clk = 0;
    top.rst = 1;
    top.s_axi_wstrb = 15;
    for (int i = 0; i < 4; ++i) machine->tick();
    top.rst = 0;
    return machine;
}

void axi_close(void *handle) { delete static_cast<Machine *>(handle); }
void axi_stall(void *handle, uint32_t seed) { static_cast<Machine *>(handle)->stalls = seed; }
uint64_t axi_cycles(void *handle) { return static_cast<Machine *>(handle)->cycles; }

// One access of the registers; `word` is written or read. Returns the response, or -1 if none comes.
int axi_access(void *handle, int write, int address, uint32_t *word) {
    auto &machine = *static_cast<Machine *>(handle);
    auto &top = machine.top;
    top.s_axi_awaddr = top.s_axi_araddr = address;
    top.s_axi_wdata = *word;
    top.s_axi_awvalid = top.s_axi_wvalid = write;
    top.s_axi_arvalid = !write;
    top.s_axi_bready = top.s_axi_rready = 1;
    for (int i = 0; i < 1000; ++i) {
        top.eval();
        const bool aw = top.s_axi_awready, w = top.s_axi_wready, ar = top.s_axi_arready;
        const bool done = write ? top.s_axi_bvalid : top.s_axi_rvalid;
        const int response = write ? top.s_axi_bresp : top.s_axi_rresp;
        if (done && !write) *word = top.s_axi_rdata;
        machine.tick();
        if (done) return response;
        if (aw) top.s_axi_awvalid = 0;
        if (w) top.s_axi_wvalid = 0;
        if (ar) top.s_axi_arvalid = 0;
    }
    return -1;
}

// A packet for stream 0 (A), 1 (B) or 2 (bias), in beats of `beat` words.
void axi_send(void *handle, int stream, const uint32_t *words, int count, int beat) {
    auto &queue = static_cast<Machine *>(handle)->sources[stream];
    for (int start = 0; start < count; start += beat) {
        const int used = std::min(beat, count - start);
        Beat next{};
        std::memcpy(next.words, words + start, 4 * used);
        next.keep = used == 16 ? ~uint64_t(0) : (uint64_t(1) << 4 * used) - 1;
        next.last = start + beat >= count;
        queue.push_back(next);
    }
}

// Up to `count` words of C, for which at most `limit` cycles pass. Returns how many.
int axi_receive(void *handle, uint32_t *words, int count, int limit) {
    auto &machine = *static_cast<Machine *>(handle);
    for (int i = 0; i < limit && int(machine.results.size()) < count; ++i) machine.tick();
    const int got = std::min(count, int(machine.results.size()));
    std::copy_n(machine.results.begin(), got, words);
    machine.results.erase(machine.results.begin(), machine.results.begin() + got);
    return got;
}

void axi_flush(void *handle) {
    auto &machine = *static_cast<Machine *>(handle);
    for (auto &source : machine.sources) source.clear();
    machine.results.clear();
}

}
