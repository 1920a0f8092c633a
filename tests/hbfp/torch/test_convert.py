"""Models into HBFP and back."""

import pickle
from copy import deepcopy

import pytest
import torch
from torch import nn

from hbfp.torch import HBFP, Schedule, convert, restore


def model():
    return nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(16, 8), nn.Linear(8, 2))


def test_there_and_back_leaves_everything():
    net, x = model(), torch.randn(2, 1, 4, 4)
    before, state, parameters = net(x), deepcopy(net.state_dict()), list(net.parameters())
    run = convert(net, 4)
    assert not torch.equal(net(x), before)
    assert list(net.state_dict()) == list(state)
    assert all(one is other for one, other in zip(net.parameters(), parameters, strict=True))
    net.load_state_dict(model().state_dict())
    net.load_state_dict(state)
    assert run.widths() == {"0": 4, "3": 4, "4": 4}
    assert restore(net) is net
    assert [type(layer) for layer in net] == [nn.Conv2d, nn.ReLU, nn.Flatten, nn.Linear, nn.Linear]
    assert torch.equal(net(x), before)


def test_booster_by_place():
    run = convert(model(), "booster", epochs=2)
    assert run.widths() == {"0": 6, "3": 4, "4": 6}
    run.epoch = 1
    assert run.widths() == {"0": 6, "3": 6, "4": 6}


def test_skipped_layers_stay():
    net = model()
    assert list(convert(net, 4, skip=["0"]).widths()) == ["3", "4"]
    assert type(net[0]) is nn.Conv2d


def test_a_transformers_inference_goes_through_the_layers():
    torch.manual_seed(0)
    layer = nn.TransformerEncoderLayer(16, 2, 32, batch_first=True, dropout=0.0).eval()
    x = torch.randn(2, 3, 16)
    with torch.no_grad():  # only then PyTorch takes its fused path
        before = layer(x)
        run = convert(layer, 4, HBFP(block_size=16))
        layer(x)
        assert all(slot.health.flushed for slot in run.slots)
        assert torch.equal(restore(layer)(x), before)


def test_an_encoder_s_padded_inference_goes_through_the_layers():
    torch.manual_seed(0)
    layer = nn.TransformerEncoderLayer(16, 2, 32, batch_first=True, dropout=0.0)
    model = nn.TransformerEncoder(layer, 1).eval()
    x, padding = torch.randn(2, 3, 16), torch.tensor([[False] * 3, [False, False, True]])
    expected = model(x, src_key_padding_mask=padding)
    convert(model, 12, HBFP("nearest", block_size=16))
    with torch.no_grad():  # only then PyTorch takes nested tensors
        ours = model(x, src_key_padding_mask=padding)
    assert not torch.equal(ours[~padding], expected[~padding])
    torch.testing.assert_close(ours[~padding], expected[~padding], atol=0.02, rtol=0)
    assert restore(model).use_nested_tensor


def test_copies_and_pickles_have_runs_of_their_own():
    net, x = model(), torch.randn(2, 1, 4, 4)
    run = convert(net, 4, HBFP("nearest"))
    for other in (deepcopy(net), pickle.loads(pickle.dumps(net))):
        assert torch.equal(other(x), net(x))
        (theirs,) = {id(layer.slots[""].run) for layer in other if hasattr(layer, "slots")}
        assert theirs != id(run)
        assert type(restore(other)[0]) is nn.Conv2d


class Half(nn.Linear):
    pass


@pytest.mark.parametrize(
    ("make", "options", "text"),
    [
        (lambda: nn.ReLU(), {}, "model must have a layer with products to convert, and has none"),
        (lambda: nn.Sequential(nn.GRU(2, 2)), {}, "layer 0 must be of a class HBFP has, not GRU; skip it?"),
        (lambda: Half(2, 2), {}, "layer model must be of a class HBFP has, not Half; skip it?"),
        (lambda: nn.Linear(2, 2).double(), {}, "layer model must have float32 parameters, not float64"),
        (lambda: nn.LSTM(2, 4, proj_size=2), {}, "layer model must have proj_size 0, not 2; skip it?"),
        (lambda: nn.MultiheadAttention(4, 2, add_bias_kv=True), {},
         "layer model must have neither bias_kv nor add_zero_attn; skip it?"),
        (lambda: nn.Linear(2, 2, device="meta"), {}, "layer model must have parameters with values, not on the device meta"),
        (lambda: nn.Linear(2, 2, dtype=torch.complex64), {}, "layer model must have float32 parameters, not complex64"),
        (model, {"skip": ["9"]}, "skip must name layers of the model, not 9"),
        (model, {"skip": "head"}, "skip must name layers of the model, not head"),
        (model, {"schedule": Schedule(4).layers("head", 6)}, "schedule must name layers of the model, not head"),
        (model, {"epochs": None}, "epochs must be given for a schedule with widths of its own in the last ones, not left out"),
        (model, {"seed": 0}, "seed must be between 1 and 4294967295, not 0"),
        (model, {"nonfinite": "hide"}, "nonfinite must be one of raise, count, not hide"),
        (model, {"format": "hbfp"}, "format must be a Format, not 'hbfp'"),
    ],
)  # fmt: skip
def test_rejects(make, options, text):
    net = make()
    kinds = [type(layer) for layer in net.modules()]
    with pytest.raises((TypeError, ValueError)) as error:
        convert(net, **{"epochs": 2} | options)
    assert str(error.value) == text
    assert [type(layer) for layer in net.modules()] == kinds


def test_rejects_a_model_in_hbfp():
    net = model()
    convert(net, 4)
    with pytest.raises(ValueError, match=r"^model must not be in HBFP already, as layer 0 is; restore it first$"):
        convert(net, 4)
