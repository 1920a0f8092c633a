import pytest

from sim.workloads import load
from tests.sim.messages import rejects

CONVOLUTIONS = """Layer name, IFMAP Height, IFMAP Width, Filter Height, Filter Width, Channels, Num Filter, Strides,
Conv1, 230, 230, 7, 7, 3, 64, 2,
Conv2, 58, 58, 3, 3, 64, 64, 1,#comment
DP3, 58, 58, 3, 3, 64, 1, 1,

FC, 1, 1, 1, 1, 512, 1000, 1,
"""
PRODUCTS = """Layer,M,N,K
QKT,1024,1024,64
Linear,1024,4800,1600
"""


@pytest.fixture
def topology(tmp_path):
    def write(text, name="net.csv"):
        path = tmp_path / name
        path.write_text(text)
        return path

    return write


def test_convolutions(topology):
    workload = load(topology(CONVOLUTIONS), batch=2)
    assert workload.name == "net"
    sizes = [(layer.name, layer.m, layer.k, layer.n, layer.repeats) for layer in workload.layers]
    assert sizes == [
        ("Conv1", 2 * 113 * 113, 147, 64, 1),  # ceil((230 - 7) / 2) + 1: SCALE-Sim counts a ragged last stride
        ("Conv2", 2 * 56 * 56, 576, 64, 1),
        ("DP3", 2 * 56 * 56, 9, 1, 64),
        ("FC", 2, 512, 1000, 1),
    ]
    assert [(layer.first, layer.last) for layer in workload.layers] == [
        (True, False),
        (False, False),
        (False, False),
        (False, True),
    ]


def test_products(topology):
    workload = load(topology(PRODUCTS), batch=3)
    assert [(layer.m, layer.k, layer.n) for layer in workload.layers] == [(3072, 64, 1024), (3072, 1600, 4800)]
    assert workload.parameters == 64 * 1024 + 1600 * 4800


def test_batch_column_makes_products_of_activations(topology):
    workload = load(topology("Layer,M,N,K,Batch,\nscores,128,128,64,12,\nout,128,768,768,,\n"), batch=2)
    assert [(layer.kind, layer.repeats, layer.m) for layer in workload.layers] == [
        ("attention", 24, 128),
        ("linear", 1, 256),
    ]


def test_columns_are_found_by_title(topology):
    workload = load(topology("Layer, K, M, N, Target\nfc, 7, 5, 3, NPU\n"))
    assert (workload.layers[0].m, workload.layers[0].k, workload.layers[0].n) == (5, 7, 3)


def test_both_strides(topology):
    header = "Layer name,IFMAP height,IFMAP width,Filter height,Filter width,Channels,Num filter,Stride height,"
    workload = load(topology(header + "Stride width,\nc,9,9,3,3,1,1,2,3,\n"))
    assert workload.layers[0].m == 4 * 3


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "net.csv, line 1: is empty; expected a header"),
        ("Layer,M,N,K\n", "net.csv, line 2: holds no layer"),
        ("Layer,M,N\na,1,2\n", "net.csv, line 1: column K is missing; expected Layer, M, N, K"),
        ("1,2,3\n", "net.csv, line 1: column M is missing; expected Layer, M, N, K"),
        ("Layer,M,N,K,M\na,1,2,3,4\n", "net.csv, line 1, column 5: M is there twice"),
        (PRODUCTS + "bad,x,1,1\n", "net.csv, line 4, column 2 (M): must be a positive integer, not 'x'"),
        (PRODUCTS + "bad,1,0,1\n", "net.csv, line 4, column 3 (N): must be a positive integer, not '0'"),
        (PRODUCTS + "\nbad,1,-2,1\n", "net.csv, line 5, column 3 (N): must be a positive integer, not '-2'"),
        (PRODUCTS + "bad,1,1\n", "net.csv, line 4, column 4 (K): a positive integer is missing"),
        (PRODUCTS + "bad,1,1,2.5\n", "net.csv, line 4, column 4 (K): must be a positive integer, not '2.5'"),
        (PRODUCTS + "bad,1,1,8,2:4\n", "net.csv, line 4, column 5: sparsity 2:4 is not modelled"),
        (
            CONVOLUTIONS + "bad, 3, 9, 4, 4, 1, 1, 1,\n",
            "net.csv, line 7, column 4 (Filter Height): filter is larger than its input of 3",
        ),
        (
            "Layer name, IFMAP Height, IFMAP Width,\n",
            "net.csv, line 1: column Filter Height is missing; expected Layer name, IFMAP Height, ..., Strides",
        ),
    ],
)
def test_rejects_with_line_and_column(topology, text, message):
    with rejects(ValueError, message):
        load(topology(text))


def test_rejects_what_is_not_text(tmp_path):
    (tmp_path / "net.csv").write_bytes(b"\xff\xfe\x00\x81")
    with rejects(ValueError, f"{tmp_path}/net.csv is not a text file"):
        load(tmp_path / "net.csv")


def test_rejects_a_missing_file(tmp_path):
    with rejects(FileNotFoundError, f"{tmp_path}/net.csv does not exist"):
        load(tmp_path / "net.csv")


def test_rejects_an_option_that_topologies_have_not(topology):
    with rejects(ValueError, "net.csv has no option sequence; it has path, batch"):
        load(topology(PRODUCTS), sequence=4)


def test_the_batch_of_the_file_counts_and_is_the_workloads(tmp_path):
    path = tmp_path / "net.csv"
    titles = "Layer name, IFMAP Height, IFMAP Width, Filter Height, Filter Width, Channels, Num Filters, Stride, Batch Size"
    path.write_text(f"{titles}\na, 9, 7, 3, 3, 4, 5, 1, 3\n")
    for workload in (load(path), load(path, batch=3)):
        assert (workload.macs, workload.batch) == (3 * 7 * 5 * 36 * 5, 3)
    with rejects(ValueError, "net.csv, line 2, column 9 (Batch Size): the batch of the file is 3, not 2"):
        load(path, batch=2)


def test_a_title_written_twice_means_the_other_where_that_is_missing(tmp_path):
    path = tmp_path / "net.csv"
    titles = "Layer, IFMAP Width, IFMAP Width, Filter Height, Filter Width, Channel, Num Filter, Strides"
    path.write_text(f"{titles}\na, 9, 7, 3, 2, 4, 5, 1\n")
    assert load(path).macs == (7 - 3 + 1) * (9 - 2 + 1) * 24 * 5


@pytest.mark.parametrize("text", ["Layer;M;N;K\np;5;7;9\n", "Layer\tM\tN\tK\np\t5\t7\t9\n"])
def test_rejects_other_separators(tmp_path, text):
    (tmp_path / "net.csv").write_text(text)
    with rejects(ValueError, "net.csv, line 1: columns must be separated by commas, not by semicolons or tabs"):
        load(tmp_path / "net.csv")


def test_rejects_numbers_of_hundreds_of_digits(tmp_path):
    (tmp_path / "net.csv").write_text(f"Layer, M, N, K\np, {'9' * 400}, 7, 9\n")
    with rejects(ValueError, "net.csv, line 2, column 2 (M): must have at most nine digits, not 400"):
        load(tmp_path / "net.csv")


def test_rejects_a_field_without_end(tmp_path):
    (tmp_path / "net.csv").write_text(f"Layer, M, N, K\n{'p' * 200_000}, 5, 7, 9\n")
    with pytest.raises(ValueError, match=r"^net\.csv: is not a table: field larger than field limit"):
        load(tmp_path / "net.csv")
