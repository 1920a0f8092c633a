"""Entry point of ``python -m hbfp.run``."""

import sys

from hbfp.run.cli import main

sys.exit(main())
