"""The layer tables against published parameter and multiply-accumulate counts."""

import pytest

from sim.workloads import NETWORKS, load
from sim.workloads.convolutional import cifar_resnet, densenet
from tests.sim.messages import rejects

# (network, options, parameters, where they are published)
PARAMETERS = [
    ("resnet50", {}, 25_557_032, "torchvision ResNet50_Weights.IMAGENET1K_V1, num_params"),
    ("densenet40", {}, 1_019_722, "counts of DenseNet (L=40, k=12) for CIFAR-10; 1.0 M in the publication's table 2"),
    ("densenet40", {"initial_channels": 24}, 1_059_298, "same with 24 first channels, as in pruning literature"),
    ("transformer-base", {}, 63_082_496, "torch.nn.Transformer's 44,140,544 less two norms, and 37000 embeddings"),
    ("bert-base", {}, 109_482_240, "Hugging Face bert-base-uncased, BertModel"),
    ("gpt2-small", {}, 124_439_808, "Hugging Face gpt2, GPT2LMHeadModel"),
    ("llama-7b", {}, 6_738_415_616, "Hugging Face llama-7b; Keras preset llama_7b_en"),
]

# (network, options, multiply-accumulates of one forward pass, where they are published)
MACS = [
    ("resnet50", {}, 4.09e9, 0.001, "torchvision ResNet50_Weights, GFLOPS 4.09"),
    ("resnet50", {"stride_in": "1x1"}, 3.8e9, 0.02, "K. He et al., table 1: 3.8 x 10^9"),
    ("resnet20", {"shortcut": "projection"}, 40.81e6, 0.0002, "pruning literature: 40.81 M"),
    ("densenet40", {"initial_channels": 24}, 282.92e6, 0.0001, "pruning literature, such as NORTON (2024): 282.92 M"),
    ("bert-base", {"sequence": 128}, 11.17e9, 0.001, "calflops: 11.17 G for BERT-base at 128 tokens"),
    ("bert-base", {"sequence": 128}, 22.5e9 / 2, 0.01, "X. Jiao et al., TinyBERT, 2020: 22.5 G operations"),
    ("gpt2-small", {"sequence": 1024}, 291_648_307_200 / 2, 0, "counts of nanoGPT's transformer_sizing at 1024 tokens"),
    ("llama-7b", {"sequence": 128}, 850.00e9, 0.0001, "calflops: 850.00 G for llama-7b at 128 tokens"),
]


@pytest.mark.parametrize(("name", "options", "parameters", "source"), PARAMETERS)
def test_parameters_as_published(name, options, parameters, source):
    assert load(name, **options).parameters == parameters, source


@pytest.mark.parametrize(("name", "options", "macs", "tolerance", "source"), MACS)
def test_multiply_accumulates_as_published(name, options, macs, tolerance, source):
    assert load(name, **options).macs == pytest.approx(macs, rel=tolerance, abs=0), source


@pytest.mark.parametrize(("depth", "millions"), [(20, 0.27), (32, 0.46), (44, 0.66), (56, 0.85), (110, 1.7)])
def test_cifar_resnets_have_the_parameters_of_the_publication(depth, millions):
    # K. He et al., table 6. ResNet-74 is not in it; the generator is the same.
    assert cifar_resnet(depth).parameters / 1e6 == pytest.approx(millions, abs=0.035 if depth == 110 else 0.006)


@pytest.mark.parametrize(("depth", "macs"), [(56, 125.49e6), (110, 252.89e6)])
def test_cifar_resnets_have_the_macs_of_the_literature(depth, macs):
    # Baselines of pruning literature, such as NORTON (2024): 125.49 M and 252.89 M.
    assert cifar_resnet(depth).macs == pytest.approx(macs, rel=1e-4)


def test_resnet74_lies_on_the_line_of_its_family():
    thin, deep = cifar_resnet(56), cifar_resnet(110)
    resnet74 = load("resnet74")
    assert len(resnet74.layers) == 74
    assert resnet74.macs == thin.macs + (deep.macs - thin.macs) // 3
    assert resnet74.parameters == thin.parameters + (deep.parameters - thin.parameters) // 3 == 1_144_666


def test_transformer_without_output_projection_matches_the_flop_counter_of_pytorch():
    # 3,947,102,208 operations for 48 source and 40 target tokens.
    transformer = load("transformer-base", sequence=48, target=40)
    assert 2 * (transformer.macs - transformer.layers[-1].macs) == 3_947_102_208


def test_transformer_is_within_the_rounding_of_the_publication():
    # A. Vaswani et al., table 3: 65 M with "about 37000" tokens.
    assert load("transformer-base").parameters == pytest.approx(65e6, rel=0.035)


def test_densenet_of_a_hundred_layers():
    # G. Huang et al., table 2: 7.0 M for L = 100, k = 12.
    assert densenet(100, 12).parameters == pytest.approx(7.0e6, rel=0.005)


@pytest.mark.parametrize("name", NETWORKS)
def test_batch_scales_products_and_not_parameters(name):
    one, three = load(name), load(name, batch=3)
    assert three.macs == 3 * one.macs
    assert three.parameters == one.parameters
    assert (three.batch, one.batch) == (3, 1)


@pytest.mark.parametrize("name", NETWORKS)
def test_first_and_last_layers_are_marked(name):
    layers = load(name).layers
    assert layers[0].first
    assert layers[-1].last
    assert [layer.last for layer in layers].count(True) == 1


@pytest.mark.parametrize("name", NETWORKS)
def test_names_are_unique(name):
    names = [layer.name for layer in load(name).layers]
    assert len(set(names)) == len(names)


def test_only_the_layer_that_reads_data_lacks_an_input_gradient():
    assert [layer.name for layer in load("resnet50").layers if not layer.input_gradient] == ["conv1"]
    assert all(layer.input_gradient for layer in load("bert-base").layers)


def test_context_lengthens_keys_but_not_projections():
    cached = {layer.name: layer for layer in load("gpt2-small", sequence=1, context=512).layers}
    assert (cached["decoder0.self.scores"].m, cached["decoder0.self.scores"].n) == (1, 512)
    assert cached["decoder0.self.context"].k == 512
    assert cached["decoder0.self.key"].m == 1


def test_resnet50_on_small_images():
    assert load("resnet50", image=32, classes=100).layers[-1].n == 100


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("resnet51", {}, f"workload must be one of {', '.join(NETWORKS)}, a .csv or an .onnx file, not resnet51"),
        ("resnet20", {"sequence": 3}, "resnet20 has no option sequence; it has batch, classes, image, shortcut"),
        ("resnet20", {"batch": 0}, "batch must be at least 1, not 0"),
        ("resnet20", {"shortcut": "none"}, "shortcut must be pad or projection, not none"),
        ("resnet50", {"stride_in": "7x7"}, "stride_in must be 1x1 or 3x3, not 7x7"),
        ("bert-base", {"sequence": 8, "context": 4}, "context must be at least the sequence of 8, not 4"),
    ],
)
def test_rejects(name, options, message):
    with rejects(ValueError, message):
        load(name, **options)


def test_rejects_a_batch_that_is_no_integer():
    with rejects(TypeError, "batch must be an integer, not 2.5"):
        load("resnet20", batch=2.5)


@pytest.mark.parametrize(("build", "rule"), [(cifar_resnet, "6n + 2"), (densenet, "3n + 4")])
def test_rejects_depths_outside_the_family(build, rule):
    with rejects(ValueError, f"depth must be {rule} with n at least 1, not 21"):
        build(21)
