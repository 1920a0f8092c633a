"""What compiled Verilog counted, kept for the tests of the model: no change of the model changes it."""

import pickle
import subprocess
import sys
from pathlib import Path

from tests.mutants.source import ROOT, digest

__all__ = ["UNCHANGED", "record", "replay"]

UNCHANGED = ("golden", "hw.core.core", "amaranth.sim")
"""What children of a run with mutants of the model share: it knows nothing of the model."""
READ = ("golden", "hw", "sim/rtl", "tests/sim/counted.py", "tests/sim/command_sequences.py", "tests/sim/machines.py")
MAKE = """
import pickle, sys
from tests.sim.counted import counted
from tests.sim.machines import MACHINES
pickle.dump({name: list(counted(name)) for name in MACHINES}, open(sys.argv[1], "wb"))
"""


def _file() -> Path:
    """A name for all that decides what is counted: every file there, whatever its language, but for what Python compiles."""
    files = [path for part in READ for path in sorted((ROOT / part).rglob("*") if (ROOT / part).is_dir() else [ROOT / part])]
    texts = [path.read_bytes() for path in files if path.is_file() and path.parent.name != "__pycache__"]
    return ROOT / "build" / "mutants" / f"counted-{digest(*texts)}.pickle"


def record() -> None:
    """Run all sequences on compiled Verilog, unless that was done."""
    if not _file().exists():
        _file().parent.mkdir(parents=True, exist_ok=True)
        part = _file().with_suffix(".part")
        subprocess.run([sys.executable, "-c", MAKE, str(part)], cwd=ROOT, check=True)
        part.replace(_file())


def replay() -> None:
    """From now on in this process ``tests.sim.counted`` gives what was recorded."""
    from tests.sim import counted

    known = pickle.loads(_file().read_bytes())
    counted.counted = lambda name: iter(known[name])
