"""Machines behind one interface: simulated ones, and the driver of those at the end of a bus or a serial line."""

from sim.devices.device import Device
from sim.devices.simulated import CycleDevice, GoldenDevice, RtlDevice

__all__ = ["CycleDevice", "Device", "GoldenDevice", "RtlDevice"]
