"""Energies by hand, and by a second program."""

import re
import subprocess

import pytest

from synth.energy.power import PowerTables
from synth.mapping.flat import flat_verilog
from synth.mapping.liberty import REFERENCE, LibraryError
from synth.mapping.tools import sta_version
from tests.synth.energy.small import LIBRARY, netlist


@pytest.fixture
def power(tmp_path):
    path = tmp_path / "small.lib"
    path.write_text(LIBRARY)
    return PowerTables(path)


def test_units_are_those_of_the_file(power):
    assert (power.volts, power.femtojoule, power.nanowatt) == (2.0, 1.0, 1.0)


def test_a_transition_is_the_mean_of_rise_and_fall(power):
    """The half of the load's charge that rise counts and fall takes back is not in it."""
    assert power.cell("INV").energy("Y", 0.0, 0.0) == 3
    assert power.cell("INV").energy("Y", 0.5, 100.0) == 3
    assert power.cell("DFF").energy("CK", 0.0, 0.0) == 2
    assert power.cell("XOR").energy("Y", 0.0, 0.0) == 0


def test_leakage_is_the_mean_of_the_states(power):
    assert power.cell("INV").leakage == 3
    assert power.cell("XOR").leakage == 0


def test_a_library_without_power_is_refused():
    with pytest.raises(LibraryError, match=r"^library .*reference\.lib has no power tables$"):
        PowerTables(REFERENCE)


@pytest.mark.skipif(sta_version() is None, reason="OpenSTA is not installed")
def test_opensta_gives_the_same(tmp_path, power):
    """Two inverters, an input that changes once in each cycle of 10 ns.

    OpenSTA 2.0.17 adds the internal energies of rise and fall for each transition; later ones take their mean.
    """
    path = tmp_path / "small.lib"
    paths = netlist(tmp_path, [("INV", {"A": 2, "Y": 3}), ("INV", {"A": 3, "Y": 4})], {"a": 2, "clk": 5}, {"y": 4})
    (tmp_path / "top.v").write_text(flat_verilog(paths, "top"))
    (tmp_path / "power.tcl").write_text(f"""read_liberty {path}
read_verilog {tmp_path}/top.v
link_design top
create_clock -name c -period 10 [get_ports clk]
set_input_delay 0 -clock c [get_ports a]
set_input_transition 0.01 [get_ports a]
set_power_activity -input_ports a -activity 1.0 -duty 0.5
report_power -instances {{g0}} -digits 8
exit
""")
    command = ["sta", "-no_splash", "-exit", str(tmp_path / "power.tcl")]
    text = subprocess.run(command, capture_output=True, text=True).stdout
    # Watts over a period of 10 ns, as fJ.
    lines = {m[4]: [float(m[i]) * 1e7 for i in (1, 2, 3)]
             for m in re.finditer(r"^\s*(\S+)\s+(\S+)\s+(\S+)\s+\S+\s+(g\d)$", text, re.MULTILINE)}  # fmt: skip
    half_charge = 3 * 2.0**2 / 2  # of the second inverter's pin
    added = 2 if sta_version().endswith("2.0.17") else 1
    internal = power.cell("INV").energy("Y", 0.0, 3.0)
    assert lines["g0"] == pytest.approx([internal * added, half_charge, 0.03], rel=0.01)
