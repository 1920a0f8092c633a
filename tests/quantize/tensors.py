"""FP32 tensors that reach every corner of a conversion, as bit patterns."""

from random import Random

INFINITY = 0x7F800000
NAN = 0x7FC00000


def fp32(sign: int, exponent: int, fraction: int) -> int:
    """Bit pattern of an FP32 number from its fields."""
    return sign << 31 | exponent << 23 | fraction


def corners(width: int) -> list[int]:
    """Numbers around which conversions to mantissas of ``width`` bits go wrong, of exponents near 1.0."""
    numbers = [0, 1 << 31, 1, 0x007FFFFF, 0x807FFFFF, fp32(0, 1, 0), fp32(1, 254, 0x7FFFFF)]
    for exponent in (125, 126, 127):
        numbers += [fp32(0, exponent, 0), fp32(1, exponent, 1), fp32(0, exponent, 0x7FFFFF)]
    for mantissa in range(2 ** (width - 1)):  # (mantissa + 1/2) / 2**(width-2): ties for a block maximum in [1, 2)
        for delta in (-1, 0, 1):
            tie = (2 * mantissa + 1 << 24 - width) + delta
            shift = 24 - tie.bit_length()
            numbers.append(fp32(mantissa & 1, 127 - shift, tie << shift & 0x7FFFFF))
    return numbers


def special_blocks(width: int, size: int, rng: Random) -> list[list[int]]:
    """Blocks of ``size`` elements: ties under a known maximum, extremes, zeros, NaN and infinity in every guise."""
    pool = corners(width)
    blocks = []
    for maximum in (fp32(0, 127, 0), fp32(1, 127, 0x7FFFFF), fp32(0, 127, 1)):
        ties = [number for number in pool if number >> 23 & 255 <= 127]
        rng.shuffle(ties)
        for start in range(0, len(ties), max(1, size - 1)):
            block = [maximum, *ties[start : start + size - 1]]
            rng.shuffle(block)
            blocks.append(block)
    for number in (0, 1 << 31, 1, 0x807FFFFF, fp32(0, 1, 0), fp32(1, 254, 0x7FFFFF), fp32(0, 254, 0), fp32(0, 253, 5)):
        blocks.append([number] * size)
        blocks.append([number] + [0] * (size - 1))
        blocks.append([0] * (size - 1) + [number])
    for poison in (INFINITY, INFINITY | 1 << 31, NAN, INFINITY | 1, 0xFFFFFFFF):
        block = [rng.choice(pool) for _ in range(size)]
        block[rng.randrange(size)] = poison
        blocks.append(block)
    for exponent in [*range(0, 254, 9), 253, 254]:  # every scale, every distance
        block = [fp32(rng.getrandbits(1), max(0, exponent - i), rng.getrandbits(23)) for i in range(size)]
        rng.shuffle(block)
        blocks.append(block)
    return [block + [0] * (size - len(block)) for block in blocks]


def random_row(length: int, rng: Random) -> list[int]:
    """A row of elements whose exponents lie together, some zero, few subnormal or not finite."""
    centre = rng.choice((rng.randrange(256), 127, 127, 127, rng.randrange(4), rng.randrange(250, 255)))
    spread = rng.choice((0, 3, 12, 30))
    row = []
    for _ in range(length):
        exponent = min(254, max(0, centre - int(rng.random() * (spread + 1))))
        fraction = rng.choice((rng.getrandbits(23), rng.getrandbits(23), 0, 0x7FFFFF, rng.getrandbits(6) << 17))
        row.append(rng.choice((fp32(rng.getrandbits(1), exponent, fraction),) * 15 + (rng.getrandbits(1) << 31,)))
    if rng.random() < 0.05:
        row[rng.randrange(length)] = rng.choice((INFINITY, NAN, 0xFF800000))
    return row
