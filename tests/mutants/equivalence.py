"""Whether a mutant of a netlist computes the same as the netlist: ``python -m tests.mutants.equivalence FOLDER NUMBER``."""

import re
import sys
from pathlib import Path

from hw.host.tools import yosys
from tests.mutants.netlist import LISTED, READ
from tests.prove.solvers import Refuted, Unfinished, invariant

__all__ = ["is_equivalent"]

SECONDS = 60
BOTH = """read_rtlil plain.il
read_rtlil changed.il
miter -equiv -flatten plain changed miter
hierarchy -top miter
memory_map
opt -full
techmap
opt -full
dffunmap
aigmap
opt_clean -purge
write_aiger -zinit design.aig
"""


def is_equivalent(folder: Path, number: int) -> bool:
    """Of the module that is changed, by itself, from power-on, whatever comes in. False also where the solver gives up."""
    command = re.sub(r" -ctrl \S+ \S+ \S+", "", (folder / LISTED).read_text().splitlines()[number - 1])
    (module,) = re.findall(r"-module (\S+)", command)
    for name, change in (("plain", ""), ("changed", f"{command}\n")):
        only = f"hierarchy -top {module}\nflatten\nopt_clean\nrename {module} {name}\nwrite_rtlil {name}.il\n"
        yosys(f"{(folder / READ).read_text()}{change}{only}", folder)
    yosys(BOTH, folder)
    try:
        invariant(folder, SECONDS)
    except (Refuted, Unfinished):
        return False
    return True


if __name__ == "__main__":
    print("equivalent" if is_equivalent(Path(sys.argv[1]), int(sys.argv[2])) else "different, or not known")
