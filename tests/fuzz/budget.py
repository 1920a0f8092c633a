"""How much is tried: a fixed number of examples in the gate, as many as wanted in ``make fuzz``."""

import os

from hypothesis import HealthCheck, settings

__all__ = ["fuzzing"]

EXAMPLES = os.environ.get("HBFP_FUZZ_EXAMPLES")
"""Examples of each test; without it few, and the same ones each time."""


def fuzzing(share: float = 1.0):
    """Settings of a test that costs as much as the usual one divided by ``share``."""
    usual = 10 if EXAMPLES is None else int(EXAMPLES)
    return settings(
        max_examples=max(1, round(usual * share)), deadline=None, derandomize=EXAMPLES is None, database=None,
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
