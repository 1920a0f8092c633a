import pytest

from sim.workloads.layer import FORWARD, INPUT_GRADIENT, WEIGHT_GRADIENT, Layer, Workload, convolution
from tests.sim.messages import rejects


def sizes(product):
    return product.m, product.k, product.n, product.repeats


def test_training_reduces_over_three_different_axes():
    forward, input_gradient, weight_gradient = Layer("fc", "linear", 32, 100, 10).products(training=True)
    assert (forward.stage, *sizes(forward)) == (FORWARD, 32, 100, 10, 1)
    assert (input_gradient.stage, *sizes(input_gradient)) == (INPUT_GRADIENT, 32, 10, 100, 1)
    assert (weight_gradient.stage, *sizes(weight_gradient)) == (WEIGHT_GRADIENT, 100, 32, 10, 1)


def test_gradients_cost_as_much_as_the_forward_product():
    layer, _ = convolution("conv", 16, 32, (14, 14), (3, 3), batch=4, stride=2, padding=1)
    assert {product.macs for product in layer.products(training=True)} == {layer.macs}


def test_inference_has_only_the_forward_product():
    assert [product.stage for product in Layer("fc", "linear", 1, 2, 3).products()] == [FORWARD]


def test_first_layer_has_no_input_gradient():
    layer = Layer("conv1", "conv", 8, 27, 16, input_gradient=False)
    assert [product.stage for product in layer.products(training=True)] == [FORWARD, WEIGHT_GRADIENT]


def test_convolution_unfolds_patches():
    layer, size = convolution("conv", 3, 64, (224, 224), (7, 7), batch=2, stride=2, padding=3)
    assert size == (112, 112)
    assert (layer.m, layer.k, layer.n, layer.repeats) == (2 * 112 * 112, 3 * 49, 64, 1)
    assert layer.parameters == 3 * 49 * 64


def test_groups_are_independent_products():
    layer, _ = convolution("depthwise", 32, 64, (8, 8), (3, 3), padding=1, groups=32)
    assert (layer.k, layer.n, layer.repeats) == (9, 2, 32)
    assert layer.parameters == 64 * 9


def test_tensors_count_each_element_of_the_input_once():
    layer, _ = convolution("conv", 16, 16, (8, 8), (3, 3), padding=1)
    forward, input_gradient, weight_gradient = layer.products(training=True)
    assert forward.tensors == (16 * 64, 16 * 16 * 9, 16 * 64)
    assert input_gradient.tensors == (16 * 64, 16 * 16 * 9, 16 * 64)
    assert weight_gradient.tensors == (16 * 64, 16 * 64, 16 * 16 * 9)


def test_a_strided_projection_does_not_read_what_it_skips():
    layer, _ = convolution("shortcut", 16, 32, (8, 8), (1, 1), stride=2)
    assert layer.products()[0].tensors[0] == 16 * 16


def test_attention_and_tied_weights_count_no_parameters():
    assert Layer("scores", "attention", 8, 64, 8, 12).parameters == 0
    assert Layer("output", "linear", 8, 64, 100, tied=True).parameters == 0
    assert Layer("fc", "linear", 8, 64, 100).parameters == 6400


def test_backward_runs_from_the_last_layer_to_the_first():
    workload = Workload("net", tuple(Layer(name, "linear", 2, 2, 2) for name in "ab"))
    order = [(layer.name, product.stage) for layer, product in workload.products(training=True)]
    backward = [(name, stage) for name in "ba" for stage in (INPUT_GRADIENT, WEIGHT_GRADIENT)]
    assert order == [("a", FORWARD), ("b", FORWARD), *backward]


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"m": 0}, ValueError, "fc: m must be at least 1, not 0"),
        ({"k": 2.0}, TypeError, "fc: k must be an integer, not 2.0"),
        ({"repeats": True}, TypeError, "fc: repeats must be an integer, not True"),
        ({"kind": "pool"}, ValueError, "fc: kind must be one of conv, linear, attention, not pool"),
    ],
)
def test_rejects(change, error, message):
    with rejects(error, message):
        Layer(**{"name": "fc", "kind": "linear", "m": 1, "k": 1, "n": 1} | change)


def test_rejects_a_kernel_larger_than_its_input():
    with rejects(ValueError, "conv: kernel 5x5 is larger than its padded input 3x3"):
        convolution("conv", 1, 1, (3, 3), (5, 5))


def test_rejects_a_network_without_products():
    with rejects(ValueError, "empty has no layer that is a matrix product"):
        Workload("empty", ())


def test_elements_under_no_tap_are_not_behind_a():
    """A kernel of three in steps of two over eight rows and columns leaves the last ones out, with zeros around them none."""
    for padding, reached in ((0, 7 * 7), (1, 8 * 8)):
        layer, _ = convolution("c", 6, 4, (8, 8), (3, 3), batch=2, stride=2, padding=padding, groups=2)
        assert layer.products()[0].tensors == (2 * 6 * reached, layer.k * layer.n * 2, layer.m * layer.n * 2)
