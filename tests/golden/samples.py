"""Inputs that the golden tests share: ordinary numbers, and every special one."""

import numpy as np

FAMILIES = ("normal", "wide", "extreme", "powers", "ties", "tiny", "huge", "sparse", "bits", "finite_bits")


def sample(rng, family: str, shape) -> np.ndarray:
    """float32 numbers of one family."""
    count = int(np.prod(shape))
    if family == "normal":
        x = rng.standard_normal(count)
    elif family == "wide":
        x = rng.standard_normal(count) * np.exp2(rng.integers(-30, 30, count))
    elif family == "extreme":
        special = [0.0, -0.0, 2.0**-126, -(2.0**-126), 2.0**-149, -(2.0**-127), 2.0**127, -3.4028235e38, 1.0, -1.5]
        x = rng.choice(special, count)
    elif family == "powers":
        x = np.exp2(rng.integers(-12, 3, count)) * rng.choice([-1, 1], count)
    elif family == "ties":
        x = rng.integers(-64, 65, count) / 16  # halves of an interval for any width up to 6
    elif family == "tiny":
        x = rng.standard_normal(count) * np.exp2(rng.integers(-150, -110, count).astype(float))
    elif family == "huge":
        x = rng.uniform(-1, 1, count) * np.exp2(rng.integers(100, 129, count).astype(float))
    elif family == "sparse":
        # Blocks of nothing but zeros and subnormals, and others with a few numbers.
        x = np.where(rng.random(count) < 0.05, rng.standard_normal(count), rng.choice([0.0, -0.0, 1e-40], count))
    elif family == "bits":
        return rng.integers(0, 2**32, count, dtype=np.uint32).view(np.float32).reshape(shape)
    elif family == "finite_bits":
        x = rng.integers(0, 2**32, count, dtype=np.uint32).view(np.float32)
        return np.where(np.isfinite(x), x, np.float32(0)).reshape(shape)
    else:
        raise ValueError(f"no family {family}")
    with np.errstate(over="ignore", under="ignore"):
        return np.clip(x, -3.4028234e38, 3.4028234e38).astype(np.float32).reshape(shape)


def bits(x) -> np.ndarray:
    """Bit patterns of float32 numbers, so that NaNs, zeros of both signs and everything else compare."""
    return np.ascontiguousarray(x, np.float32).view(np.uint32)
