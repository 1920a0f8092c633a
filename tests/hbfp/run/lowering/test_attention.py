"""Microsoft's attention taken apart: what ONNX Runtime's kernel gives, in every form that it has."""

import numpy as np
import pytest
from onnx import TensorProto

from hbfp.run import Network
from sim.devices import GoldenDevice
from sim.graphs import GraphError
from sim.workloads import load
from tests.hbfp.run.machines import WIDE, FloatMachine
from tests.sim.graphs.graphs import model, node, save, tensor

RNG = np.random.default_rng(1)
NAMES = ("query", "key", "value", "bias", "mask", "scores", "past_key", "past_value", "length", "cache")


def attention(outputs=("y",), heads=2, **given):
    """The graph and its inputs; of those named a shape, or the values of a mask."""
    values = {name: given.pop(name) for name in NAMES if name in given}
    inputs = {name: x if isinstance(x, np.ndarray) else RNG.normal(size=x).astype(np.float32) for name, x in values.items()}
    last = max(NAMES.index(name) for name in inputs) + 1
    kinds = {name: TensorProto.INT32 if x.dtype == np.int32 else TensorProto.FLOAT for name, x in inputs.items()}
    names = [name if name in inputs else "" for name in NAMES[:last]]
    one = node("MultiHeadAttention", names, *outputs, domain="com.microsoft", num_heads=heads, **given)
    taken = [tensor(name, *x.shape, kind=kinds[name]) for name, x in inputs.items()]
    made = [tensor(name, *[None] * (3 if name == "y" else 4)) for name in outputs if name]
    return model([one], taken, made, domains=["com.microsoft"]), inputs


def mask(*shape):
    return RNG.integers(0, 2, shape).astype(np.int32)


PLAIN = {"query": (2, 5, 8), "key": (2, 7, 8), "value": (2, 7, 6)}
SELF = dict.fromkeys(("query", "key", "value"), (2, 5, 8))
PAST = SELF | {"past_key": (2, 2, 3, 4), "past_value": (2, 2, 3, 4), "outputs": ("y", "next_key", "next_value")}
CASES = {
    "plain": PLAIN,
    "scaled": PLAIN | {"scale": 0.7},
    "with a bias": PLAIN | {"bias": (22,)},
    "lengths": PLAIN | {"mask": np.array([3, 5], np.int32)},
    "mask of keys": PLAIN | {"mask": mask(2, 7)},
    "mask of keys and queries": PLAIN | {"mask": mask(2, 5, 7), "mask_filter_value": -3.0},
    "added scores": PLAIN | {"scores": (1, 2, 5, 7)},
    "added scores of each sample": PLAIN | {"scores": (2, 1, 5, 7)},
    "causal": SELF | {"unidirectional": 1, "heads": 4},
    "causal with a mask": SELF | {"unidirectional": 1, "mask": mask(2, 5)},
    "past": PAST,
    "past with a mask and scores": PAST | {"mask": mask(2, 8), "scores": (1, 1, 5, 8)},
    "causal with a past": PAST | {"unidirectional": 1},
    "present alone": SELF | {"outputs": ("y", "next_key", "next_value")},
    "scores asked for": PLAIN | {"outputs": ("y", "", "", "all"), "mask": mask(2, 7)},
    "keys in heads": {"query": (2, 5, 8), "key": (2, 2, 7, 4), "value": (2, 2, 7, 4)},
}


@pytest.mark.parametrize("name", CASES)
def test_parts_give_the_whole(name, tmp_path):
    made, x = attention(**CASES[name])
    network = Network(save(made, tmp_path))
    whole, result = network.fp32(x), network.run(x, FloatMachine())
    for key, value in whole.items():
        assert value.shape == result.outputs[key].shape
        np.testing.assert_allclose(result.outputs[key], value, rtol=2e-5, atol=2e-6)
    counted = load(network.path)
    assert [layer.title for layer in result.layers] == [layer.name for layer in counted.layers]
    assert sum(layer.macs for layer in result.layers) == counted.macs
    wide = network.run(x, GoldenDevice(WIDE), "all-8").outputs["y"]
    assert ((wide - whole["y"]) ** 2).sum() < 1e-3 * (whole["y"] ** 2).sum()


def test_the_next_keys_have_a_known_shape(tmp_path):
    """So that products of them can be counted."""
    made, _ = attention(**PAST)
    made.graph.node.append(node("MatMul", ["next_key", "next_key_t"], "z"))
    made.graph.node.insert(1, node("Transpose", ["next_key"], "next_key_t", perm=[0, 1, 3, 2]))
    made.graph.output.append(tensor("z", *[None] * 4))
    counted = load(save(made, tmp_path))
    assert counted.layers[-1].macs == 2 * 2 * 8 * 4 * 8


APART = "only query, key and value apart are modelled"
REFUSED = {
    "queries, keys and values in one": ({"query": (2, 5, 2, 3, 4)}, APART),
    "keys and values in one": ({"query": (2, 5, 8), "key": (2, 7, 2, 2, 4)}, APART),
    "other keys than queries": (PLAIN | {"unidirectional": 1}, "runs on a device with unidirectional where there are as many keys "
                                                               "as queries"),
    "a past without a present": (PAST | {"outputs": ("y",)}, "runs on a device with past_key and past_value where present_key and "
                                                             "present_value are made of them"),
    "heads that do not divide": (PLAIN | {"heads": 3}, "num_heads must divide 8 and 6, not be 3"),
    "no heads": (PLAIN | {"heads": 0}, "num_heads must divide 8 and 6, not be 0"),
    "a past of three axes": (PAST | {"past_key": (2, 3, 8)}, "past_key must have four axes, not 3"),
    "a buffer": (PAST | {"length": np.array([3], np.int32)}, "runs on a device without past_sequence_length and cache_indirection"),
    "a mask of ends": (PLAIN | {"mask": np.arange(8, dtype=np.int32)}, "key_padding_mask must have shape (2), (2, 7) or "
                                                                       "(2, queries, 7) to run on a device, not (8,)"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_not_taken_apart_is_refused_by_name(name, tmp_path):
    given, text = REFUSED[name]
    made, _ = attention(**given)
    with pytest.raises(GraphError) as caught:
        Network(save(made, tmp_path))
    assert str(caught.value) == f"net.onnx: com.microsoft.MultiHeadAttention MultiHeadAttention_y: {text}"
