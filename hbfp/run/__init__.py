"""Networks on machines: matrix products on a device, everything else by ONNX Runtime."""

from hbfp.run.network import LayerResult, Network, Result, run

__all__ = ["LayerResult", "Network", "Result", "run"]
