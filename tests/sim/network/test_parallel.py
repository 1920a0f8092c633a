import pytest

from sim.network.parallel import Cluster, Exchange, Link, exchange_cycles, split
from sim.workloads import Layer
from tests.sim.messages import rejects

LINK = Link(8, latency_cycles=100)
LINEAR = Layer("fc", "linear", 64, 100, 30)


def parts(layer, cluster):
    return [split(layer, product, cluster) for product in layer.products(training=True)]


def sizes(product):
    return product.m, product.k, product.n, product.repeats


def test_one_core_gets_all_and_sends_nothing():
    for product in LINEAR.products(training=True):
        assert split(LINEAR, product, Cluster()) == (product, None)


def test_data_parallel_parts_share_weight_gradients():
    (forward, a), (input_gradient, b), (weight_gradient, c) = parts(LINEAR, Cluster(data=4, link=LINK))
    assert (sizes(forward), a) == ((16, 100, 30, 1), None)
    assert (sizes(input_gradient), b) == ((16, 30, 100, 1), None)
    assert (sizes(weight_gradient), c) == ((100, 16, 30, 1), Exchange("reduce", 100 * 30, 4))


def test_tensor_parallel_parts_gather_outputs_and_sum_input_gradients():
    (forward, a), (input_gradient, b), (weight_gradient, c) = parts(LINEAR, Cluster(tensor=3, link=LINK))
    assert (sizes(forward), a) == ((64, 100, 10, 1), Exchange("gather", 64 * 30, 3))
    assert (sizes(input_gradient), b) == ((64, 10, 100, 1), Exchange("reduce", 64 * 100, 3))
    assert (sizes(weight_gradient), c) == ((100, 64, 10, 1), None)


def test_both_at_once():
    (forward, a), _, (weight_gradient, c) = parts(LINEAR, Cluster(data=2, tensor=3, link=LINK))
    assert (sizes(forward), a) == ((32, 100, 10, 1), Exchange("gather", 32 * 30, 3))
    assert (sizes(weight_gradient), c) == ((100, 32, 10, 1), Exchange("reduce", 100 * 10, 2))


def test_attention_deals_out_heads_and_sends_nothing():
    scores = Layer("scores", "attention", 128, 64, 128, repeats=2 * 12)
    for part, exchange in parts(scores, Cluster(data=2, tensor=4, link=LINK)):
        assert part.repeats == 3
        assert exchange is None


def test_groups_of_a_convolution_are_dealt_out():
    grouped = Layer("depthwise", "conv", 64, 9, 2, repeats=32)
    (forward, a), (_, b), (weight_gradient, c) = parts(grouped, Cluster(data=2, tensor=4, link=LINK))
    assert (sizes(forward), a) == ((32, 9, 2, 8), Exchange("gather", 32 * 2 * 32, 4))
    assert b == Exchange("gather", 32 * 9 * 32, 4)
    assert (sizes(weight_gradient), c) == ((9, 32, 2, 8), Exchange("reduce", 9 * 2 * 8, 2))


def test_parts_cover_the_product():
    cluster = Cluster(data=3, tensor=7, link=LINK)
    for product, (part, _) in zip(LINEAR.products(training=True), parts(LINEAR, cluster), strict=True):
        assert part.macs * cluster.cores >= product.macs
        assert all(small <= large for small, large in zip(part.tensors, product.tensors, strict=True))


def test_exchanges_on_a_ring():
    # Patarasuk and Yuan: (p-1)/p of the data passes each link to gather, twice that to reduce.
    assert exchange_cycles(Exchange("gather", 800, 4), LINK, 4) == 800 * 4 * 3 / 4 / 8 + 3 * 100
    assert exchange_cycles(Exchange("reduce", 800, 4), LINK, 4) == 2 * (800 * 4 * 3 / 4 / 8 + 3 * 100)


@pytest.mark.parametrize(
    ("parameters", "error", "message"),
    [
        ({"data": 0}, ValueError, "data must be at least 1, not 0"),
        ({"tensor": 1.5}, TypeError, "tensor must be an integer, not 1.5"),
        ({"data": 2}, ValueError, "link must be stated for 2 cores"),
        (
            {"data": 2, "link": LINK, "cores_per_chip": 4},
            ValueError,
            "cores_per_chip must divide the 2 cores, not be 4",
        ),
    ],
)
def test_rejects_a_cluster(parameters, error, message):
    with rejects(error, message):
        Cluster(**parameters)


def test_rejects_a_link():
    with rejects(ValueError, "link bytes_per_cycle must be above 0, not 0"):
        Link(0)
    with rejects(ValueError, "link latency_cycles must be at least 0, not -1"):
        Link(1, -1)
