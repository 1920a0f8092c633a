// An adder and two converters compiled by Verilator, on arrays of operands: the C side of tests/soak/vectors.py.
#include <cstdint>
#include "Varithmetic.h"
#include "verilated.h"

extern "C" {

void *arithmetic_open() { return new Varithmetic; }
void arithmetic_close(void *handle) { delete static_cast<Varithmetic *>(handle); }

void arithmetic_add(void *handle, const uint32_t *a, const uint32_t *b, uint32_t *sums, int64_t count) {
    auto &top = *static_cast<Varithmetic *>(handle);
    for (int64_t i = 0; i < count; ++i) {
        top.a = a[i];
        top.b = b[i];
        top.eval();
        sums[i] = top.sum;
    }
}

void arithmetic_convert(
    void *handle, const int32_t *totals, const int32_t *scales, uint32_t *fp32, uint32_t *bf16, int64_t count
) {
    auto &top = *static_cast<Varithmetic *>(handle);
    for (int64_t i = 0; i < count; ++i) {
        top.total = uint32_t(totals[i]) & TOTAL_MASK;
        top.scale = uint32_t(scales[i]) & SCALE_MASK;
        top.eval();
        fp32[i] = top.fp32;
        bf16[i] = top.bf16;
    }
}

}
