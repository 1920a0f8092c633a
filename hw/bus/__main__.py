"""Runs ``hw.bus.cli``."""

import sys

from hw.bus.cli import main

sys.exit(main())
