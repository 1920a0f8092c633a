"""Words of floating-point formats that a wrong unit would get wrong."""

from random import Random

from hw.accumulate.float_format import FloatFormat

__all__ = ["pairs", "special_words"]


def special_words(form: FloatFormat) -> list[int]:
    """Zero, subnormals, the ends of the normal range, one and its neighbours, infinity and NaN, in both signs."""
    least = 1 << form.fraction_width
    one, top = form.bias * least, form.largest_exponent * least
    positive = (0, 1, least - 1, least, one - 1, one, one + 1, top - 1, top, form.nan)
    return [word | sign << form.width - 1 for word in positive for sign in (0, 1)]


def pairs(rng: Random, form: FloatFormat, count: int) -> list[tuple[int, int]]:
    """Every pair of special words, then ``count`` at random.

    Those have significands of any length, so that results are ties, and exponents that are anything, close together, or
    such that the product is at an end of the range. In some, the lowest bit alone tells the result from a tie.
    """
    words = special_words(form)
    drawn = [(a, b) for a in words for b in words]
    for number in range(count):
        if number % 8 < 2:
            drawn.append((_product_beside_a_tie, _sum_beside_a_tie)[number % 2](rng, form))
            continue
        first = rng.randint(0, form.largest_exponent)
        close = first + rng.choice((0, 1, rng.randint(-form.significand_width - 3, form.significand_width + 3)))
        inverse = 2 * form.bias - first + rng.randint(-3, 3)
        end = inverse + rng.choice((-1, 1)) * form.bias
        exponents = first, rng.choice((rng.randint(0, form.largest_exponent), close, close, inverse, end))
        drawn.append(tuple(_word(rng, form, exponent) for exponent in exponents))
    return drawn


def _word(rng: Random, form: FloatFormat, exponent: int) -> int:
    """A word of this exponent field, or the nearest there is; of NaN only the quiet."""
    field = min(max(exponent, 0), form.largest_exponent)
    zeros = rng.choice((0, rng.randint(0, form.fraction_width)))
    fraction = (rng.getrandbits(form.fraction_width) >> zeros) << zeros
    if rng.random() < 0.1:
        fraction = (1 << form.fraction_width) - 1 - fraction
    if field == form.largest_exponent and fraction:
        fraction |= 1 << form.fraction_width - 1
    return (rng.getrandbits(1) << form.exponent_width | field) << form.fraction_width | fraction


def _product_beside_a_tie(rng: Random, form: FloatFormat) -> tuple[int, int]:
    """Two words near one whose significands' product has a lower half of 10…01 or 01…11."""
    top = 1 << form.significand_width - 1
    while True:
        a = top | rng.getrandbits(form.fraction_width) | 1
        b = pow(a, -1, 2 * top) * (top + rng.choice((-1, 1))) % (2 * top)
        if b >= top:
            return tuple((form.bias + rng.randrange(2)) * top + word - top for word in (a, b))


def _sum_beside_a_tie(rng: Random, form: FloatFormat) -> tuple[int, int]:
    """Two words near one: below the larger one's last place, or the one above after a carry, is half of it and a bit."""
    least = 1 << form.fraction_width
    shift = rng.randint(2, form.significand_width)
    below = rng.choice((0, 1 << shift - 1)) | rng.getrandbits(1)
    smaller = (rng.getrandbits(form.fraction_width) >> shift << shift | below) % least
    larger = rng.choice((least - 1 - rng.randrange(4), rng.getrandbits(form.fraction_width)))  # often with a carry
    words = [(form.bias + shift) * least + larger, form.bias * least + smaller]
    words = [word | (rng.random() < 0.25) << form.width - 1 for word in words]
    return tuple(words if rng.getrandbits(1) else words[::-1])
