import numpy as np

import golden
from hw.config import CoreConfig
from sim.rtl.core import RtlCore, RtlProduct


def test_large_product_keeps_the_default_array_busy():
    """64 x 4096 x 64 on the default machine: products back to back, input and output never stalling."""
    config = CoreConfig()
    core = RtlCore(config, quick=True)
    rng = np.random.default_rng(1)
    jobs = [RtlProduct(*(rng.normal(size=s).astype(np.float32) for s in ((64, 4096), (4096, 64))), {}) for _ in range(2)]
    steps = 64 * 4096 * 64 // config.macs_per_cycle
    results, cycles = core.run(jobs)
    counters = core.counters()
    assert counters["busy"] == 2 * steps
    assert counters["waited_a"] == counters["waited_b"] == counters["blocked_output"] == 0
    assert counters["busy"] >= 0.98 * counters["active"]
    # Loading the second overlaps multiplying the first, so only the first's loading shows.
    assert 2 * steps >= 0.98 * (cycles - steps)
    block = golden.BlockFormat()
    for job, c in zip(jobs, results, strict=True):
        np.testing.assert_array_equal(c.view(np.uint32), golden.matmul(job.a, job.b, block).view(np.uint32))
