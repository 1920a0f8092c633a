"""The core in cycles: decoder, loaders, sequencer and result buffer, stage by stage as in ``hw.core``."""

from sim.model.core import CoreModel, Progress
from sim.model.port import Rates

__all__ = ["CoreModel", "Progress", "Rates"]
