"""``make fuzz``: rounds of all tests here with ever other seeds, until the time is over or one fails."""

import os
import subprocess
import sys
import time

EXAMPLES = 300
"""Of each test in a round."""


def main(seconds: float, seed: int) -> int:
    """Run rounds; the exit status is that of the last. Each prints its seed, which makes it again."""
    end = time.monotonic() + seconds
    while True:
        print(f"seed {seed}", flush=True)
        command = [sys.executable, "-m", "pytest", "tests/fuzz", "-x", f"--hypothesis-seed={seed}"]
        status = subprocess.run(command, env=os.environ | {"HBFP_FUZZ_EXAMPLES": str(EXAMPLES)}, check=False).returncode
        if status or time.monotonic() > end:
            return status
        seed += 1


if __name__ == "__main__":
    sys.exit(main(float(sys.argv[1]), int(sys.argv[2])))
