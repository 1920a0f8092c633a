// A core compiled by Verilator, driven through its streams: the C side of sim/rtl/core.py.
#include <algorithm>
#include <cstdint>
#include <cstring>
#include <memory>
#include <tuple>
#include <vector>
#include "Vcore.h"
#include "verilated.h"

// Verilator writes a double underscore in a port's name as ___05F.
#define i_command__payload i_command___05Fpayload
#define i_command__valid i_command___05Fvalid
#define i_command__ready i_command___05Fready
#define i_a__payload i_a___05Fpayload
#define i_a__valid i_a___05Fvalid
#define i_a__ready i_a___05Fready
#define i_b__payload i_b___05Fpayload
#define i_b__valid i_b___05Fvalid
#define i_b__ready i_b___05Fready
#define i_bias__payload i_bias___05Fpayload
#define i_bias__valid i_bias___05Fvalid
#define i_bias__ready i_bias___05Fready
#define o_c__payload o_c___05Fpayload
#define o_c__valid o_c___05Fvalid
#define o_c__ready o_c___05Fready
#ifndef RESULT_STREAMS
#define RESULT_STREAMS 1
#endif

namespace {

template <typename T> void store(T &port, const uint32_t *words) {
    uint64_t value = words[0];
    if (sizeof(T) > 4) value |= uint64_t(words[1]) << 32;
    port = T(value);
}
template <std::size_t N> void store(VlWide<N> &port, const uint32_t *words) { std::memcpy(&port[0], words, 4 * N); }
template <typename T> void load(const T &port, uint32_t *words) {
    words[0] = uint32_t(port);
    if (sizeof(T) > 4) words[1] = uint32_t(uint64_t(port) >> 32);
}
template <std::size_t N> void load(const VlWide<N> &port, uint32_t *words) { std::memcpy(words, &port[0], 4 * N); }
template <typename T> constexpr int words_of(const T &) { return sizeof(T) > 4 ? 2 : 1; }
template <std::size_t N> constexpr int words_of(const VlWide<N> &) { return N; }

struct Core {
    VerilatedContext context;
    Vcore top{&context};
    uint64_t cycle = 0;
    void tick() {
        top.clk = 1;
        top.eval();
        top.clk = 0;
        ++cycle;
    }
};

}  // namespace

// A port is open in cycle t when (t * numerator) % denominator < numerator.
struct Rate {
    uint32_t numerator, denominator;
};

// One stream's beats. C may leave when its port is open; a beat for the core comes when its port is open, but not before
// the beats of C that it `needs`, if there are such numbers, and stays until it is taken.
struct Port {
    uint32_t *data;
    int64_t beats, done;
    const int64_t *needs;
    Rate rate;
    bool open(uint64_t cycle) const { return (cycle * rate.numerator) % rate.denominator < rate.numerator; }
    int64_t needed() const { return needs && done < beats ? needs[done] : 0; }
};

// Other rates, once so many beats of C have passed.
struct Deal {
    int64_t results;
    Rate a, b, turns, c;
};

// Offers a stream's beats to a port of the core.
template <typename Payload, typename Bit> struct Source {
    Port &port;
    Payload &payload;
    Bit &valid;
    const Bit &ready;
    bool offered = false;
    Source(Port &port, Payload &payload, Bit &valid, const Bit &ready)
        : port(port), payload(payload), valid(valid), ready(ready) {}
    bool done() const { return port.done == port.beats; }
    void bring(bool may) {
        if (!offered && port.done < port.beats && may) {
            offered = true;
            store(payload, port.data + port.done * words_of(payload));
        }
        valid = offered;
    }
    void advance() {
        if (offered && ready) {
            offered = false;
            ++port.done;
        }
    }
};

// Takes a stream of C.
template <typename Payload, typename Bit> struct Sink {
    Port &port;
    const Payload &payload;
    const Bit &valid;
    Bit &ready;
    Sink(Port &port, const Payload &payload, const Bit &valid, Bit &ready)
        : port(port), payload(payload), valid(valid), ready(ready) {}
    bool done() const { return port.done == port.beats; }
    void offer(uint64_t cycle) { ready = !done() && port.open(cycle); }
    void advance() {
        if (valid && ready) load(payload, port.data + port.done++ * words_of(payload));
    }
};

extern "C" {

void *core_open() {
    auto *core = new Core;
    core->top.clk = 0;
    core->top.eval();
    return core;
}

void core_close(void *handle) { delete static_cast<Core *>(handle); }

void core_reset(void *handle) {
    auto &core = *static_cast<Core *>(handle);
    auto &top = core.top;
    top.i_command__valid = top.i_a__valid = top.i_b__valid = top.o_c__ready = top.clear = 0;
#if RESULT_STREAMS > 1
    top.o_c_1___05Fready = 0;
#endif
#if RESULT_STREAMS > 2
    top.o_c_2___05Fready = 0;
#endif
#if RESULT_STREAMS > 3
    top.o_c_3___05Fready = 0;
#endif
#ifdef HAS_BIAS
    top.i_bias__valid = 0;
#endif
    top.rst = 1;
    for (int i = 0; i < 2; ++i) { top.eval(); core.tick(); }
    top.rst = 0;
    top.eval();
    core.cycle = 0;
}

int core_words(void *handle, int which) {
    auto &top = static_cast<Core *>(handle)->top;
    switch (which) {
        case 0: return words_of(top.i_command__payload);
        case 1: return words_of(top.i_a__payload);
        case 2: return words_of(top.i_b__payload);
        case 3: return words_of(top.o_c__payload);
        default: return words_of(top.counters);
    }
}

// Clocks until every port's beats are done and the core is idle, or `limit` cycles have passed. Returns the cycles.
// `c` has a port for each stream of C. With `turns`, A and B come by one port, a beat at a time; its words say for each beat whether it is one of B.
// What needs results comes `latency` cycles later than it might; the last of `deals` is one that never comes.
int64_t core_run(void *handle, Port *command, Port *a, Port *b, Port *bias, Port *turns, Port *c, int64_t limit,
                 int64_t latency, const Deal *deals) {
    auto &core = *static_cast<Core *>(handle);
    auto &top = core.top;
    Source commands(*command, top.i_command__payload, top.i_command__valid, top.i_command__ready);
    Source operand_a(*a, top.i_a__payload, top.i_a__valid, top.i_a__ready);
    Source operand_b(*b, top.i_b__payload, top.i_b__valid, top.i_b__ready);
#ifdef HAS_BIAS
    Source biases(*bias, top.i_bias__payload, top.i_bias__valid, top.i_bias__ready);
#endif
    auto results = std::make_tuple(Sink(c[0], top.o_c__payload, top.o_c__valid, top.o_c__ready)
#if RESULT_STREAMS > 1
        , Sink(c[1], top.o_c_1___05Fpayload, top.o_c_1___05Fvalid, top.o_c_1___05Fready)
#endif
#if RESULT_STREAMS > 2
        , Sink(c[2], top.o_c_2___05Fpayload, top.o_c_2___05Fvalid, top.o_c_2___05Fready)
#endif
#if RESULT_STREAMS > 3
        , Sink(c[3], top.o_c_3___05Fpayload, top.o_c_3___05Fvalid, top.o_c_3___05Fready)
#endif
    );
    auto each = [&](auto what) { std::apply([&](auto &...sink) { (what(sink), ...); }, results); };
    std::vector<uint64_t> passed;  // The cycle in which each beat of C did, by all streams.
    auto back = [&](const Port &port) {
        auto needed = std::size_t(port.needed());
        return !needed || (needed <= passed.size() && core.cycle > passed[needed - 1] + latency);
    };
    int64_t cycles = 0;
    for (; cycles < limit; ++cycles) {
        bool finished = commands.done() && operand_a.done() && operand_b.done();
        each([&](auto &sink) { finished = finished && sink.done(); });
        for (; deals->results <= int64_t(passed.size()); ++deals) {
            a->rate = deals->a, b->rate = deals->b, turns->rate = deals->turns;
            for (int i = 0; i < RESULT_STREAMS; ++i) c[i].rate = deals->c;
        }
        commands.bring(command->open(core.cycle));
        if (turns->beats) {
            bool more = !operand_a.offered && !operand_b.offered && turns->done < turns->beats;
            bool of_b = more && turns->data[turns->done];
            bool brings = more && turns->open(core.cycle) && back(of_b ? *b : *a);
            operand_a.bring(brings && !of_b);
            operand_b.bring(brings && of_b);
            turns->done += brings;
        } else {
            operand_a.bring(a->open(core.cycle) && back(*a));
            operand_b.bring(b->open(core.cycle) && back(*b));
        }
#ifdef HAS_BIAS
        finished = finished && biases.done();
        biases.bring(bias->open(core.cycle));
#endif
        each([&](auto &sink) { sink.offer(core.cycle); });
        top.eval();
        if (finished && top.idle) break;
        commands.advance();
        operand_a.advance();
        operand_b.advance();
#ifdef HAS_BIAS
        biases.advance();
#endif
        int64_t everywhere = INT64_MAX;
        each([&](auto &sink) { sink.advance(), everywhere = std::min(everywhere, sink.port.done); });
        if (everywhere > int64_t(passed.size())) passed.push_back(core.cycle);
        core.tick();
    }
    return cycles;
}

void core_counters(void *handle, uint32_t *words) { load(static_cast<Core *>(handle)->top.counters, words); }

void core_clear(void *handle) {
    auto &core = *static_cast<Core *>(handle);
    core.top.clear = 1;
    core.top.eval();
    core.tick();
    core.top.clear = 0;
    core.top.eval();
}

int core_error(void *handle) { return static_cast<Core *>(handle)->top.error; }

}
