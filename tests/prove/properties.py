"""Every property, kind by kind."""

from tests.prove.kinds import control, dot, floats, joined, netlists, output_stage, packing, quantizer, results, streams
from tests.prove.property import Property

__all__ = ["PROPERTIES"]

PROPERTIES: list[Property] = [
    property_
    for kind in (streams, output_stage, results, packing, control, quantizer, dot, joined, floats, netlists)
    for property_ in kind.PROPERTIES
]  # fmt: skip
