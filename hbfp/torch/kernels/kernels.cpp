// Conversion into blocks and products of blocks with the bits of the golden model, on the machine's vector unit.
//
// Mantissas are int8 or int16, in rows of whole blocks along the reduction axis; fields are the blocks' exponents.
// Sums of 8-bit mantissas are exact in int32 (1024 * 127^2 < 2^24); others are formed in int64.
#include <cmath>
#include <cstdint>
#include <cstring>
#include <algorithm>
#include <vector>
#if defined(__AVX512VNNI__) && !defined(HBFP_PORTABLE)
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"  // of GCC 12's own header
#include <immintrin.h>
#define HBFP_VNNI 1
#endif

namespace {

constexpr int ROWS = 12, COLUMNS = 32;  // of C at a time: 24 vector registers of sums
constexpr int GROUP = 64;               // columns of a strided tensor at a time

struct Format {
    int32_t width, block, exponent_width;
    int bias() const { return (1 << (exponent_width - 1)) - 1; }
    int max_field() const { return (1 << exponent_width) - 2; }
    int largest() const { return (1 << (width - 1)) - 1; }
    int scale(int field) const { return field - bias() + 2 - width; }
};

struct Health { int64_t saturated, flushed, nan_blocks; };
enum Rounding { NEAREST, STOCHASTIC, TRUNCATE };

inline int32_t bits_of(float x) { int32_t b; std::memcpy(&b, &x, 4); return b; }
inline float float_of(int32_t b) { float x; std::memcpy(&x, &b, 4); return x; }
inline float power(int e) { return float_of((e + 127) << 23); }  // -126 ... 127

inline int field_of(int32_t largest, const Format& f, bool saturate) {
    int field = largest >> 23;
    if (field == 255) return f.max_field() + 1;
    if (field == 0) return 0;
    if (saturate && !(largest & 0x7FFFFF)) field -= 1;
    return std::clamp(field + f.bias() - 127, 0, f.max_field());
}

// An element over the interval, rounded: |v| <= 2^16 or beyond every mantissa.
template <int ROUNDING> inline float round_quotient(float v, uint8_t draw) {
    float magnitude = std::fabs(v);
    magnitude = magnitude < 65536.f ? magnitude : 65536.f;
    float rounded;
    if (ROUNDING == NEAREST) rounded = (magnitude + 8388608.f) - 8388608.f;
    else if (ROUNDING == TRUNCATE) rounded = (float)(int32_t)magnitude;
    else rounded = (float)(((int32_t)(magnitude * 256.f) + draw) >> 8);
    return std::copysign(rounded, v);
}

// Whether x * 2^-scale rounds right in float32: no subnormal input could be worth 2^-8 of an interval.
inline bool plain(int scale) { return scale >= -118 && scale <= 126; }

inline float tiny_quotient(float x, int scale) {
    return std::fabs(x) < power(-126) ? 0.f : (float)std::ldexp((double)x, -scale);
}

template <typename T, int ROUNDING>
void quantize_rows(const float* x, int64_t first, int64_t last, int64_t length, const Format& f, bool saturate,
                   const uint8_t* draws, T* mantissas, uint16_t* fields, Health& health) {
    const int64_t blocks = (length + f.block - 1) / f.block;
    const float largest_mantissa = f.largest();
    std::vector<uint8_t> zeros(draws ? 0 : f.block);
    for (int64_t row = first; row < last; ++row)
        for (int64_t b = 0; b < blocks; ++b) {
            const float* in = x + row * length + b * f.block;
            const int count = (int)std::min<int64_t>(f.block, length - b * f.block);
            const int64_t at = row * blocks + b;
            T* out = mantissas + at * f.block;
            const uint8_t* u = draws ? draws + at * f.block : zeros.data();
            int32_t largest = 0;
            for (int i = 0; i < count; ++i) largest = std::max(largest, bits_of(in[i]) & 0x7FFFFFFF);
            const int field = field_of(largest, f, saturate);
            fields[at] = field;
            if (field == f.max_field() + 1) ++health.nan_blocks;
            if (field == 0 || field > f.max_field()) {
                std::memset(out, 0, sizeof(T) * f.block);
                if (field == 0) for (int i = 0; i < count; ++i) health.flushed += (bits_of(in[i]) & 0x7FFFFFFF) != 0;
                continue;
            }
            const int scale = f.scale(field);
            int32_t saturated = 0, flushed = 0;
            if (plain(scale)) {
                const float reciprocal = power(-scale);
                for (int i = 0; i < count; ++i) {
                    const float v = round_quotient<ROUNDING>(in[i] * reciprocal, u[i]);
                    const float clipped = std::min(std::max(v, -largest_mantissa), largest_mantissa);
                    saturated += clipped != v;
                    flushed += (clipped == 0.f) & ((bits_of(in[i]) & 0x7FFFFFFF) != 0);
                    out[i] = (T)(int32_t)clipped;
                }
            } else {
                for (int i = 0; i < count; ++i) {
                    const float v = round_quotient<ROUNDING>(tiny_quotient(in[i], scale), u[i]);
                    const float clipped = std::min(std::max(v, -largest_mantissa), largest_mantissa);
                    saturated += clipped != v;
                    flushed += (clipped == 0.f) & ((bits_of(in[i]) & 0x7FFFFFFF) != 0);
                    out[i] = (T)(int32_t)clipped;
                }
            }
            health.saturated += saturated;
            health.flushed += flushed;
            std::memset(out + count, 0, sizeof(T) * (f.block - count));
        }
}

// Blocks down the columns of a matrix given by the places of its rows; -1 is a row of zeros.
template <typename T, int ROUNDING>
void quantize_columns(const float* x, const int64_t* places, int64_t length, int64_t width, int64_t block_number,
                      const Format& f, bool saturate, const uint8_t* draws, T* mantissas, uint16_t* fields,
                      Health& health) {
    const int64_t blocks = (length + f.block - 1) / f.block, start = block_number * f.block;
    const int count = (int)std::min<int64_t>(f.block, length - start);
    const float largest_mantissa = f.largest();
    std::vector<float> nothing(width, 0.f);
    std::vector<T> turned((size_t)GROUP * f.block);
    for (int64_t c0 = 0; c0 < width; c0 += GROUP) {
        const int n = (int)std::min<int64_t>(GROUP, width - c0);
        int32_t largest[GROUP] = {}, saturated[GROUP] = {}, flushed[GROUP] = {};
        float reciprocal[GROUP], lift[GROUP];
        auto row = [&](int i) { return places[start + i] < 0 ? nothing.data() : x + places[start + i] + c0; };
        for (int i = 0; i < count; ++i) {
            const float* in = row(i);
            for (int c = 0; c < n; ++c) largest[c] = std::max(largest[c], bits_of(in[c]) & 0x7FFFFFFF);
        }
        bool all_plain = true;
        for (int c = 0; c < n; ++c) {
            const int field = field_of(largest[c], f, saturate), scale = f.scale(field);
            fields[(c0 + c) * blocks + block_number] = field;
            const bool ordinary = field != 0 && field <= f.max_field();
            health.nan_blocks += field > f.max_field();
            reciprocal[c] = ordinary && plain(scale) ? power(-scale) : 0.f;
            lift[c] = field > f.max_field() ? 0.f : 1.f;  // elements of NaN blocks are not counted
            if (ordinary && !plain(scale)) all_plain = false;
        }
        for (int i = 0; i < count; ++i) {
            const float* in = row(i);
            T* out = turned.data() + (size_t)i * GROUP;
            uint8_t u[GROUP] = {};
            if (ROUNDING == STOCHASTIC)
                for (int c = 0; c < n; ++c) u[c] = draws[((c0 + c) * blocks + block_number) * f.block + i];
            for (int c = 0; c < n; ++c) {
                float quotient = in[c] * reciprocal[c];
                quotient = reciprocal[c] == 0.f ? 0.f : quotient;
                const float v = round_quotient<ROUNDING>(quotient, u[c]);
                const float clipped = std::min(std::max(v, -largest_mantissa), largest_mantissa);
                saturated[c] += clipped != v;
                flushed[c] += (clipped == 0.f) & ((bits_of(in[c]) & 0x7FFFFFFF) != 0);
                out[c] = (T)(int32_t)clipped;
            }
        }
        if (!all_plain)
            for (int c = 0; c < n; ++c) {
                const int field = fields[(c0 + c) * blocks + block_number], scale = f.scale(field);
                if (field == 0 || field > f.max_field() || plain(scale)) continue;
                saturated[c] = flushed[c] = 0;
                for (int i = 0; i < count; ++i) {
                    const float given = row(i)[c];
                    const uint8_t u = draws ? draws[((c0 + c) * blocks + block_number) * f.block + i] : 0;
                    const float v = round_quotient<ROUNDING>(tiny_quotient(given, scale), u);
                    const float clipped = std::min(std::max(v, -largest_mantissa), largest_mantissa);
                    saturated[c] += clipped != v;
                    flushed[c] += (clipped == 0.f) & ((bits_of(given) & 0x7FFFFFFF) != 0);
                    turned[(size_t)i * GROUP + c] = (T)(int32_t)clipped;
                }
            }
        for (int i = count; i < f.block; ++i) std::memset(turned.data() + (size_t)i * GROUP, 0, sizeof(T) * GROUP);
        for (int c = 0; c < n; ++c) {
            T* out = mantissas + ((c0 + c) * blocks + block_number) * f.block;
            for (int i = 0; i < f.block; ++i) out[i] = turned[(size_t)i * GROUP + c];
            if (lift[c] != 0.f) { health.saturated += saturated[c]; health.flushed += flushed[c]; }
        }
    }
}

// ---- products ----

struct Operand {  // rows of blocks
    const void* mantissas;
    const uint16_t* fields;
    int64_t rows, blocks;
    Format format;
    bool wide() const { return format.width > 8; }
};

enum Kind { FP32, BF16 };

inline float round_bfloat16(float x) {
    uint32_t b = (uint32_t)bits_of(x);
    b += ((b >> 16) & 1) + 0x7FFF;
    return float_of((int32_t)(b & 0xFFFF0000u));
}

inline float flushed(float x) { return std::fabs(x) < power(-126) ? std::copysign(0.f, x) : x; }

// sum * 2^scale, rounded once to the significand of the kind.
inline float from_integer(int64_t sum, int scale, int kind) {
    if (sum == 0) return 0.f;
    double value = (double)sum;  // below 2^53
    int64_t b;
    std::memcpy(&b, &value, 8);
    const int dropped = kind == BF16 ? 45 : 29;
    b += ((b >> dropped) & 1) + ((int64_t(1) << (dropped - 1)) - 1);
    b &= ~((int64_t(1) << dropped) - 1);
    std::memcpy(&value, &b, 8);
    value = std::ldexp(value, std::clamp(scale, -400, 400));
    if (std::fabs(value) < 0x1p-126) return std::copysign(0.f, (float)value);
    return (float)value;
}

inline float add(float c, float p, int kind) {
    float total = flushed(flushed(c) + flushed(p));
    if (total != total) return total;
    return kind == BF16 ? round_bfloat16(total) : total;
}

inline float factor(int field, const Format& f) {  // 2^scale; 0 for zero blocks, NaN for NaN blocks; see `fast`
    if (field == 0) return 0.f;
    if (field > f.max_field()) return std::nanf("");
    const int scale = f.scale(field);
    return power(std::clamp(scale, -126, 127));
}

struct Extremes {
    int low = 1 << 20, high = -(1 << 20);
    void take(int field, const Format& f) {
        if (field == 0 || field > f.max_field()) return;
        low = std::min(low, f.scale(field));
        high = std::max(high, f.scale(field));
    }
};

// Scales and their sums are float32 powers of two, so products are exact and multiples of 2^-126: no sum is subnormal.
inline bool fast(const Extremes& a, const Extremes& b) {
    if (a.low > a.high || b.low > b.high) return true;
    return std::min({a.low, b.low, a.low + b.low}) >= -126 && std::max({a.high, b.high, a.high + b.high}) <= 127;
}

#ifdef HBFP_VNNI
typedef uint8_t APacked;
typedef int8_t BPacked;
typedef int32_t Sum;
#else
typedef float APacked;
typedef float BPacked;
typedef float Sum;
#endif

struct Panel {  // COLUMNS columns of B
    std::vector<BPacked> values;
    std::vector<float> scales;
    std::vector<int32_t> offsets;
    Extremes extremes;
};

inline int padded(int block) { return (block + 3) & ~3; }

void pack_panel(const Operand& b, int64_t column, Panel& panel) {
    const int block = b.format.block, deep = padded(block);
    panel.values.assign((size_t)b.blocks * deep * COLUMNS, 0);
    panel.scales.assign((size_t)b.blocks * COLUMNS, 0.f);
    panel.offsets.assign((size_t)b.blocks * COLUMNS, 0);
    const int n = (int)std::min<int64_t>(COLUMNS, b.rows - column);
    for (int j = 0; j < n; ++j)
        for (int64_t k = 0; k < b.blocks; ++k) {
            const int64_t at = (column + j) * b.blocks + k;
            const int8_t* in = (const int8_t*)b.mantissas + at * block;
            BPacked* out = panel.values.data() + (size_t)k * deep * COLUMNS;
            int32_t total = 0;
#ifdef HBFP_VNNI
            for (int i = 0; i < block; ++i) {
                out[(i / 4) * 4 * COLUMNS + j * 4 + i % 4] = in[i];
                total += in[i];
            }
#else
            for (int i = 0; i < block; ++i) out[i * COLUMNS + j] = in[i];
#endif
            panel.offsets[k * COLUMNS + j] = -128 * total;
            panel.scales[k * COLUMNS + j] = factor(b.fields[at], b.format);
            panel.extremes.take(b.fields[at], b.format);
        }
}

void pack_tile(const Operand& a, int64_t row, APacked* tile, float* scales, Extremes& extremes) {
    const int block = a.format.block, deep = padded(block);
    for (int r = 0; r < ROWS; ++r) {
        const bool there = row + r < a.rows;
        for (int64_t k = 0; k < a.blocks; ++k) {
            APacked* out = tile + (r * a.blocks + k) * deep;
            const int64_t at = (row + r) * a.blocks + k;
            scales[r * a.blocks + k] = there ? factor(a.fields[at], a.format) : 0.f;
            if (there) extremes.take(a.fields[at], a.format);
            const int8_t* in = (const int8_t*)a.mantissas + at * block;
#ifdef HBFP_VNNI
            if (there) for (int i = 0; i < block; ++i) out[i] = (uint8_t)in[i] ^ 0x80;
#else
            if (there) for (int i = 0; i < block; ++i) out[i] = in[i];
#endif
            else std::memset((void*)out, 0, sizeof(APacked) * block);
        }
    }
}

#ifdef HBFP_VNNI
inline void block_sums(const APacked* a, int64_t row_stride, const BPacked* b, const int32_t* offsets, int deep,
                       __m512i sums[ROWS][2]) {
    for (int r = 0; r < ROWS; ++r)
        for (int h = 0; h < 2; ++h) sums[r][h] = _mm512_loadu_si512(offsets + 16 * h);
    for (int i = 0; i < deep; i += 4) {
        const __m512i b0 = _mm512_loadu_si512(b + (size_t)i * COLUMNS);
        const __m512i b1 = _mm512_loadu_si512(b + (size_t)i * COLUMNS + 64);
#pragma GCC unroll 12
        for (int r = 0; r < ROWS; ++r) {
            int32_t four;
            std::memcpy(&four, a + r * row_stride + i, 4);
            const __m512i x = _mm512_set1_epi32(four);
            sums[r][0] = _mm512_dpbusd_epi32(sums[r][0], x, b0);
            sums[r][1] = _mm512_dpbusd_epi32(sums[r][1], x, b1);
        }
    }
}
#else
inline void block_sums(const APacked* a, int64_t row_stride, const BPacked* b, const int32_t*, int deep,
                       Sum sums[ROWS][COLUMNS]) {
    for (int r = 0; r < ROWS; ++r)
        for (int j = 0; j < COLUMNS; ++j) sums[r][j] = 0;
    for (int i = 0; i < deep; ++i)
        for (int r = 0; r < ROWS; ++r) {
            const float x = a[r * row_stride + i];
            for (int j = 0; j < COLUMNS; ++j) sums[r][j] += x * b[(size_t)i * COLUMNS + j];
        }
}
#endif

// ROWS x COLUMNS of C, all blocks in ascending order.
void tile_product(const APacked* a, const float* a_scales, const Panel& panel, int64_t blocks, int deep,
                  float c[ROWS][COLUMNS]) {
    std::memset(c, 0, sizeof(float) * ROWS * COLUMNS);
    for (int64_t k = 0; k < blocks; ++k) {
        const BPacked* b = panel.values.data() + (size_t)k * deep * COLUMNS;
        const float* b_scales = panel.scales.data() + k * COLUMNS;
#ifdef HBFP_VNNI
        __m512i sums[ROWS][2];
        block_sums(a + k * deep, blocks * deep, b, panel.offsets.data() + k * COLUMNS, deep, sums);
        const __m512 s0 = _mm512_loadu_ps(b_scales), s1 = _mm512_loadu_ps(b_scales + 16);
        for (int r = 0; r < ROWS; ++r) {
            const __m512 s = _mm512_set1_ps(a_scales[r * blocks + k]);
            const __m512 p0 = _mm512_mul_ps(_mm512_cvtepi32_ps(sums[r][0]), _mm512_mul_ps(s, s0));
            const __m512 p1 = _mm512_mul_ps(_mm512_cvtepi32_ps(sums[r][1]), _mm512_mul_ps(s, s1));
            _mm512_storeu_ps(c[r], _mm512_add_ps(_mm512_loadu_ps(c[r]), p0));
            _mm512_storeu_ps(c[r] + 16, _mm512_add_ps(_mm512_loadu_ps(c[r] + 16), p1));
        }
#else
        Sum sums[ROWS][COLUMNS];
        block_sums(a + k * deep, blocks * deep, b, nullptr, deep, sums);
        for (int r = 0; r < ROWS; ++r) {
            const float s = a_scales[r * blocks + k];
            for (int j = 0; j < COLUMNS; ++j) c[r][j] += sums[r][j] * (s * b_scales[j]);
        }
#endif
    }
}

inline int64_t mantissa(const Operand& o, int64_t at) {
    return o.wide() ? ((const int16_t*)o.mantissas)[at] : ((const int8_t*)o.mantissas)[at];
}

// One element of C as defined, for any widths and exponents.
float element(const Operand& a, int64_t row, const Operand& b, int64_t column, int kind) {
    const int block = a.format.block;
    float c = 0.f;
    for (int64_t k = 0; k < a.blocks; ++k) {
        const int64_t at_a = row * a.blocks + k, at_b = column * b.blocks + k;
        const int field_a = a.fields[at_a], field_b = b.fields[at_b];
        if (field_a > a.format.max_field() || field_b > b.format.max_field()) return std::nanf("");
        int64_t sum = 0;
        for (int i = 0; i < block; ++i) sum += mantissa(a, at_a * block + i) * mantissa(b, at_b * block + i);
        c = add(c, from_integer(sum, a.format.scale(field_a) + b.format.scale(field_b), kind), kind);
    }
    return c;
}

inline float canonical(float x) { return x == x ? x : float_of(0x7FC00000); }

// The top eight bits of the xorshift32 states that follow a seed, in LANES stretches of the sequence at a time.
constexpr int LANES = 64, STEPS = 64;

void uniforms(uint32_t seed, const uint32_t* leap, int64_t steps, uint8_t* out) {
    uint32_t states[LANES];
    for (int lane = 0; lane < LANES; ++lane) {  // each a stretch after the one before: the sequence is linear over GF(2)
        states[lane] = seed;
        uint32_t next = 0;
        for (int bit = 0; bit < 32; ++bit) next ^= leap[bit] & -(seed >> bit & 1);
        seed = next;
    }
    uint8_t piece[STEPS][LANES];
    for (int64_t start = 0; start < steps; start += STEPS) {
        const int count = (int)std::min<int64_t>(STEPS, steps - start);
        for (int step = 0; step < count; ++step)
            for (int lane = 0; lane < LANES; ++lane) {
                uint32_t state = states[lane];
                state ^= state << 13;
                state ^= state >> 17;
                state ^= state << 5;
                states[lane] = state;
                piece[step][lane] = state >> 24;
            }
        for (int lane = 0; lane < LANES; ++lane)
            for (int step = 0; step < count; ++step) out[lane * steps + start + step] = piece[step][lane];
    }
}

}  // namespace

extern "C" {

// leap: the columns of the matrix that advances a state by ``steps``. out: 64 * steps numbers.
void hbfp_uniforms(uint32_t seed, const uint32_t* leap, int64_t steps, uint8_t* out) { uniforms(seed, leap, steps, out); }

int hbfp_vectors() {
#ifdef HBFP_VNNI
    return 1;
#else
    return 0;
#endif
}

// Rows of a contiguous matrix into blocks along them. draws: as many as mantissas, or null.
void hbfp_quantize_rows(const float* x, int64_t rows, int64_t length, int width, int block, int exponent_width,
                        int rounding, int saturate, const uint8_t* draws, void* mantissas, uint16_t* fields,
                        int64_t* health, int threads) {
    const Format f{width, block, exponent_width};
    int64_t saturated = 0, flushed_ = 0, nan = 0;
#pragma omp parallel for num_threads(threads) reduction(+ : saturated, flushed_, nan) if (rows * length > 32768)
    for (int64_t part = 0; part < (rows + 63) / 64; ++part) {
        Health h{};
        const int64_t first = part * 64, last = std::min(rows, first + 64);
#define ROWS_INTO(T, R) quantize_rows<T, R>(x, first, last, length, f, saturate, draws, (T*)mantissas, fields, h)
        if (width <= 8) {
            if (rounding == NEAREST) ROWS_INTO(int8_t, NEAREST);
            else if (rounding == STOCHASTIC) ROWS_INTO(int8_t, STOCHASTIC);
            else ROWS_INTO(int8_t, TRUNCATE);
        } else {
            if (rounding == NEAREST) ROWS_INTO(int16_t, NEAREST);
            else if (rounding == STOCHASTIC) ROWS_INTO(int16_t, STOCHASTIC);
            else ROWS_INTO(int16_t, TRUNCATE);
        }
        saturated += h.saturated; flushed_ += h.flushed; nan += h.nan_blocks;
    }
    health[0] += saturated; health[1] += flushed_; health[2] += nan;
}

// Columns of `groups` matrices side by side into blocks down them. Matrix g has `length` rows of `columns` elements,
// row m at x + places[g * length + m], or of zeros where that is negative.
void hbfp_quantize_columns(const float* x, const int64_t* places, int64_t groups, int64_t length, int64_t columns,
                           int width, int block, int exponent_width, int rounding, int saturate,
                           const uint8_t* draws, void* mantissas, uint16_t* fields, int64_t* health, int threads) {
    const Format f{width, block, exponent_width};
    const int64_t blocks = (length + block - 1) / block;
    int64_t saturated = 0, flushed_ = 0, nan = 0;
#pragma omp parallel for num_threads(threads) reduction(+ : saturated, flushed_, nan) if (groups * length * columns > 32768)
    for (int64_t part = 0; part < groups * blocks; ++part) {
        Health h{};
        const int64_t g = part / blocks, b = part % blocks, skipped = g * columns * blocks;
        const int64_t* rows = places + g * length;
        const uint8_t* u = draws ? draws + skipped * block : nullptr;
#define COLUMNS_INTO(T, R) \
    quantize_columns<T, R>(x, rows, length, columns, b, f, saturate, u, (T*)mantissas + skipped * block, fields + skipped, h)
        if (width <= 8) {
            if (rounding == NEAREST) COLUMNS_INTO(int8_t, NEAREST);
            else if (rounding == STOCHASTIC) COLUMNS_INTO(int8_t, STOCHASTIC);
            else COLUMNS_INTO(int8_t, TRUNCATE);
        } else {
            if (rounding == NEAREST) COLUMNS_INTO(int16_t, NEAREST);
            else if (rounding == STOCHASTIC) COLUMNS_INTO(int16_t, STOCHASTIC);
            else COLUMNS_INTO(int16_t, TRUNCATE);
        }
        saturated += h.saturated; flushed_ += h.flushed; nan += h.nan_blocks;
    }
    health[0] += saturated; health[1] += flushed_; health[2] += nan;
}

// C = A B. Row r of C is written at c + places[r] (added to what is there where `onto`), nowhere if that is negative.
void hbfp_multiply(const void* mantissas_a, const uint16_t* fields_a, int64_t rows, int width_a, int exponent_a,
                   const void* mantissas_b, const uint16_t* fields_b, int64_t columns, int width_b, int exponent_b,
                   int64_t blocks, int block, int kind, float* c, const int64_t* places, int onto, int threads) {
    const Operand a{mantissas_a, fields_a, rows, blocks, {width_a, block, exponent_a}};
    const Operand b{mantissas_b, fields_b, columns, blocks, {width_b, block, exponent_b}};
    const int deep = padded(block);
    const bool vectors = !a.wide() && !b.wide() && kind == FP32;
    const int64_t panel_count = (columns + COLUMNS - 1) / COLUMNS;
    std::vector<Panel> panels(vectors ? panel_count : 0);
    const int64_t tall = std::max<int64_t>(1, std::min<int64_t>(8, (1 << 18) / (ROWS * deep * std::max<int64_t>(blocks, 1)))) * ROWS;
    const bool many = rows * columns * blocks * block > 65536;
#pragma omp parallel num_threads(threads) if (many)
    {
#pragma omp for schedule(static)
        for (int64_t p = 0; p < (int64_t)panels.size(); ++p) pack_panel(b, p * COLUMNS, panels[p]);
        std::vector<APacked> tiles(vectors ? (size_t)tall * blocks * deep + 64 : 0);
        std::vector<float> scales(vectors ? (size_t)tall * blocks : 0);
        std::vector<Extremes> extremes(tall / ROWS);
        alignas(64) float part[ROWS][COLUMNS];
#pragma omp for schedule(dynamic)
        for (int64_t chunk = 0; chunk < (rows + tall - 1) / tall; ++chunk) {
            const int64_t first = chunk * tall, last = std::min(rows, first + tall);
            if (vectors)
                for (int64_t row = first; row < last; row += ROWS) {
                    const int64_t at = (row - first) * blocks;
                    extremes[(row - first) / ROWS] = Extremes();
                    pack_tile(a, row, tiles.data() + at * deep, scales.data() + at, extremes[(row - first) / ROWS]);
                }
            for (int64_t p = 0; p < panel_count; ++p)
                for (int64_t row = first; row < last; row += ROWS) {
                    const int64_t at = (row - first) * blocks, column = p * COLUMNS;
                    const int high = (int)std::min<int64_t>(ROWS, last - row);
                    const int broad = (int)std::min<int64_t>(COLUMNS, columns - column);
                    if (vectors && fast(extremes[(row - first) / ROWS], panels[p].extremes))
                        tile_product(tiles.data() + at * deep, scales.data() + at, panels[p], blocks, deep, part);
                    else
                        for (int r = 0; r < high; ++r)
                            for (int j = 0; j < broad; ++j) part[r][j] = element(a, row + r, b, column + j, kind);
                    for (int r = 0; r < high; ++r) {
                        const int64_t place = places ? places[row + r] : (row + r) * columns;
                        if (place < 0) continue;
                        float* out = c + place + column;
                        if (onto) for (int j = 0; j < broad; ++j) out[j] += canonical(part[r][j]);
                        else for (int j = 0; j < broad; ++j) out[j] = canonical(part[r][j]);
                    }
                }
        }
    }
}

// `count` products of as many pairs of matrices, each as hbfp_multiply makes it.
void hbfp_multiply_stack(int64_t count, const void* mantissas_a, const uint16_t* fields_a, int64_t rows, int width_a,
                         int exponent_a, const void* mantissas_b, const uint16_t* fields_b, int64_t columns,
                         int width_b, int exponent_b, int64_t blocks, int block, int kind, float* c, int threads) {
    const int64_t size_a = rows * blocks, size_b = columns * blocks;
#pragma omp parallel for num_threads(threads) if (count > 1)
    for (int64_t i = 0; i < count; ++i)
        hbfp_multiply((const char*)mantissas_a + i * size_a * block * (width_a > 8 ? 2 : 1), fields_a + i * size_a,
                      rows, width_a, exponent_a,
                      (const char*)mantissas_b + i * size_b * block * (width_b > 8 ? 2 : 1), fields_b + i * size_b,
                      columns, width_b, exponent_b, blocks, block, kind, c + i * rows * columns, nullptr, 0,
                      count > 1 ? 1 : threads);
}

}
