"""A library of a few cells with round numbers, and netlists of them."""

import json

LIBRARY = """library (small) {
 time_unit : "1ns";
 voltage_unit : "1V";
 current_unit : "1mA";
 leakage_power_unit : "1nW";
 capacitive_load_unit (1,ff);
 nom_voltage : 2.0; nom_process : 1.0; nom_temperature : 25.0;
 operating_conditions (typical) { process : 1.0; voltage : 2.0; temperature : 25.0; }
 default_operating_conditions : typical;
 default_max_transition : 1.0;
 input_threshold_pct_rise : 50; output_threshold_pct_rise : 50; input_threshold_pct_fall : 50; output_threshold_pct_fall : 50;
 slew_lower_threshold_pct_rise : 20; slew_upper_threshold_pct_rise : 80;
 slew_lower_threshold_pct_fall : 20; slew_upper_threshold_pct_fall : 80;
 lu_table_template (flat) { variable_1 : input_net_transition; variable_2 : total_output_net_capacitance;
  index_1 ("0.0, 1.0"); index_2 ("0.0, 100.0"); }
 power_lut_template (flat_power) { variable_1 : input_transition_time; variable_2 : total_output_net_capacitance;
  index_1 ("0.0, 1.0"); index_2 ("0.0, 100.0"); }
 cell (INV) { area : 1; cell_leakage_power : 3;
  leakage_power () { when : "A"; value : 2; }
  leakage_power () { when : "!A"; value : 4; }
  pin (A) { direction : input; capacitance : 3; }
  pin (Y) { direction : output; function : "!A";
   internal_power () { related_pin : "A";
    rise_power (flat_power) { values ("5, 55", "5, 55"); }
    fall_power (flat_power) { values ("1, -49", "1, -49"); } }
   timing () { related_pin : "A"; timing_sense : negative_unate;
    cell_rise (flat) { values ("0.1, 0.1", "0.1, 0.1"); } cell_fall (flat) { values ("0.1, 0.1", "0.1, 0.1"); }
    rise_transition (flat) { values ("0, 0", "0, 0"); } fall_transition (flat) { values ("0, 0", "0, 0"); } } } }
 cell (XOR) { area : 2;
  pin (A) { direction : input; capacitance : 4; }
  pin (B) { direction : input; capacitance : 5; }
  pin (Y) { direction : output; function : "A^B";
   timing () { related_pin : "A B"; timing_sense : non_unate;
    cell_rise (flat) { values ("0.05, 0.05", "0.05, 0.05"); } cell_fall (flat) { values ("0.05, 0.05", "0.05, 0.05"); }
    rise_transition (flat) { values ("0, 0", "0, 0"); } fall_transition (flat) { values ("0, 0", "0, 0"); } } } }
 cell (SLOWXOR) { area : 2;
  pin (A) { direction : input; capacitance : 4; }
  pin (B) { direction : input; capacitance : 5; }
  pin (Y) { direction : output; function : "A^B";
   timing () { related_pin : "A B"; timing_sense : non_unate;
    cell_rise (flat) { values ("0.4, 0.4", "0.4, 0.4"); } cell_fall (flat) { values ("0.4, 0.4", "0.4, 0.4"); }
    rise_transition (flat) { values ("0, 0", "0, 0"); } fall_transition (flat) { values ("0, 0", "0, 0"); } } } }
 cell (FA) { area : 5;
  pin (A) { direction : input; capacitance : 1; }
  pin (B) { direction : input; capacitance : 1; }
  pin (CI) { direction : input; capacitance : 1; }
  pin (S) { direction : output; function : "A^B^CI";
   timing () { related_pin : "A B CI"; timing_sense : non_unate;
    cell_rise (flat) { values ("0.1, 0.1", "0.1, 0.1"); } cell_fall (flat) { values ("0.1, 0.1", "0.1, 0.1"); }
    rise_transition (flat) { values ("0, 0", "0, 0"); } fall_transition (flat) { values ("0, 0", "0, 0"); } } }
  pin (CO) { direction : output; function : "A&B | A&CI | B&CI";
   timing () { related_pin : "A B CI"; timing_sense : positive_unate;
    cell_rise (flat) { values ("0.1, 0.1", "0.1, 0.1"); } cell_fall (flat) { values ("0.1, 0.1", "0.1, 0.1"); }
    rise_transition (flat) { values ("0, 0", "0, 0"); } fall_transition (flat) { values ("0, 0", "0, 0"); } } } }
 cell (SKEW) { area : 1;
  pin (A) { direction : input; capacitance : 1; }
  pin (Y) { direction : output; function : "A";
   timing () { related_pin : "A"; timing_sense : positive_unate;
    cell_rise (flat) { values ("0.1, 0.1", "0.1, 0.1"); } cell_fall (flat) { values ("0.3, 0.3", "0.3, 0.3"); }
    rise_transition (flat) { values ("0, 0", "0, 0"); } fall_transition (flat) { values ("0, 0", "0, 0"); } } } }
 cell (DFF) { area : 4; cell_leakage_power : 8;
  ff (IQ, IQN) { clocked_on : "CK"; next_state : "D"; }
  pin (CK) { direction : input; capacitance : 1; clock : true;
   internal_power () { rise_power (flat_power) { values ("3, 3", "3, 3"); } fall_power (flat_power) { values ("1, 1", "1, 1"); } } }
  pin (D) { direction : input; capacitance : 2; }
  pin (Q) { direction : output; function : "IQ"; } }
}
"""


def netlist(folder, cells, inputs, outputs):
    """File of a module ``top`` of cells (type, pins to net numbers), with ports of one bit."""
    ports = {name: {"direction": "input", "bits": [net]} for name, net in inputs.items()}
    ports |= {name: {"direction": "output", "bits": [net]} for name, net in outputs.items()}
    module = {
        "ports": ports,
        "cells": {
            f"g{i}": {"type": kind, "connections": {pin: [net] for pin, net in pins.items()}}
            for i, (kind, pins) in enumerate(cells)
        },
    }
    path = folder / "netlist.json"
    path.write_text(json.dumps({"modules": {"top": module}}))
    return {"top": path}
