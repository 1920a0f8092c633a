"""Entry point of ``python -m hbfp``."""

import sys

from hbfp.cli import main

sys.exit(main())
