"""Sizes of free extents, and whose batch it is."""

import pytest

from sim.graphs.nodes import GraphError
from sim.graphs.sizes import check_tensors, read_sizes
from sim.workloads import load
from tests.sim.graphs.graphs import constant, model, node, save, tensor
from tests.sim.messages import rejects


@pytest.fixture
def image(tmp_path):
    """A convolution of images of any size."""
    nodes, weights = [node("Conv", ["x", "w"], "y")], [constant("w", 4, 3, 3, 3)]
    return save(model(nodes, [tensor("x", "n", 3, "h", "w")], [tensor("y", "n", 4, "a", "b")], weights), tmp_path)


def test_by_axis_and_by_name(image):
    workload = load(image, batch=2, sizes={"x:2": 8, "w": 6})
    assert workload.macs == 2 * 6 * 4 * 27 * 4
    assert workload.batch == 2


def test_what_is_free_is_named(image):
    text = "net.onnx: Conv Conv_y: the shape of x is not known; x:2, x:3 of the inputs are free: --size x:2=N"
    with rejects(ValueError, text):
        load(image)


def test_a_sequence_without_a_place_is_refused(image):
    with rejects(ValueError, "net.onnx: sequence 10 is of no input: none of two or three axes has a free second one"):
        load(image, sequence=10)


@pytest.mark.parametrize(
    ("sizes", "text"),
    [
        ({"z": 3}, "net.onnx: size z is of no input; the inputs are x"),
        ({"x:9": 3}, "net.onnx: size x:9 is of no input; the inputs are x"),
        ({"x:1": 4}, "net.onnx: x:1 is 3 in the file, not 4"),
    ],
)
def test_refuses_sizes_of_nothing(image, sizes, text):
    with rejects(ValueError, text):
        load(image, sizes=sizes)


def test_the_batch_of_the_file_is_the_workloads(tmp_path):
    made = model([node("MatMul", ["x", "w"], "y")], [tensor("x", 8, 5)], [tensor("y", 8, 3)], [constant("w", 5, 3)])
    path = save(made, tmp_path)
    assert load(path).batch == load(path, batch=8).batch == 8
    with rejects(ValueError, "net.onnx: batch of x is 8 in the file, not 2"):
        load(path, batch=2)


def test_recurrent_operations_take_samples_second(tmp_path):
    nodes, constants = [node("RNN", ["x", "w", "r"], "y", hidden_size=3)], [constant("w", 1, 3, 5), constant("r", 1, 3, 3)]
    assert load(save(model(nodes, [tensor("x", 6, 2, 5)], [tensor("y", 6, 1, 2, 3)], constants), tmp_path)).batch == 2


def test_reads_what_users_write():
    assert read_sizes(["x:2=224", "a=b=3"]) == {"x:2": 224, "a=b": 3}


@pytest.mark.parametrize("text", ["x", "=3", "x=", "x=0", "x=-1", "x=1.5", "x=" + "9" * 400, "x=²"])
def test_rejects_what_is_no_size(text):
    with rejects(ValueError, f"size must be INPUT:AXIS=SIZE or NAME=SIZE with a positive size, not {text}"):
        read_sizes([text])


def test_tensors_of_too_many_elements_are_refused():
    check_tensors("net.onnx", [(2**15, 2**15), (2**30,)])
    text = "net.onnx: its tensors must have at most 2147483648 elements together, not 2147483649"
    with rejects(GraphError, text):
        check_tensors("net.onnx", [(2**15, 2**15), (2**30,), ()])
