"""``python -m synth.fpga`` is ``python -m synth fpga``."""

import sys

from synth.__main__ import main

if __name__ == "__main__":
    sys.exit(main(["fpga", *sys.argv[1:]]))
