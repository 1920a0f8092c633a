"""Runs ``hw.board.cli``."""

import sys

from hw.board.cli import main

sys.exit(main())
