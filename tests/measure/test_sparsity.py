"""sparsity_report: counted against an independent loop, in every state a model can be in."""

import _legacy
import pytest
import torch
from torch import nn
from torch.nn.utils import prune

from course_utils import models
from course_utils.sparsity import sparsity_report

pytestmark = [*_legacy.KNOWN, *_legacy.ignoring(".*must run observer")]


def small():
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(4, 5))


def test_a_plain_model_has_no_zeros():
    torch.manual_seed(0)  # one random weight in some ten million is exactly 0
    report = sparsity_report(models.LeNet300100())
    assert [row.name for row in report.rows] == [name for name, _ in models.LeNet300100().named_parameters()]
    assert report.total.elements == 266_610 and report.weights.elements == 266_200
    assert report.total.zeros == 0


def test_masked_and_permanent_count_the_same():
    model = models.LeNet()
    prune.random_unstructured(model.conv1, "weight", 0.5)
    prune.l1_unstructured(model.fc1, "bias", 30)
    masked = sparsity_report(model)
    assert masked["conv1.weight"].zeros == 27
    assert masked["fc1.bias"].zeros == 30
    assert masked.total.elements == sum(p.numel() for p in models.LeNet().parameters())  # masks do not count
    prune.remove(model.conv1, "weight")
    prune.remove(model.fc1, "bias")
    permanent = sparsity_report(model)
    assert [(r.name, r.zeros) for r in permanent.rows] == [(r.name, r.zeros) for r in masked.rows]


def test_the_mask_counts_and_not_the_stale_attribute():
    layer = nn.Linear(4, 4)
    prune.identity(layer, "weight")
    with torch.no_grad():
        layer.weight_orig[0] = 0  # layer.weight still holds the old values, until the next forward
    assert sparsity_report(layer)["weight"].zeros == 4


@pytest.mark.filterwarnings("ignore:.*deprecated")
@pytest.mark.parametrize("norm", [nn.utils.parametrizations.spectral_norm, nn.utils.parametrizations.weight_norm])
def test_what_a_layer_computes_with_is_counted(norm):
    layer = nn.Linear(64, 16)
    with torch.no_grad():
        layer.weight[:, :32] = 0
    norm(layer)
    report = sparsity_report(layer)
    assert [row.name for row in report.rows] == ["weight", "bias"]
    assert report["weight"].elements == 1024 and report["weight"].zeros == (layer.weight == 0).sum() >= 512


@pytest.mark.parametrize("transposed", [False, True])
def test_a_shared_tensor_counts_once(transposed):
    model = nn.Sequential(nn.Linear(5, 5, bias=False), nn.Linear(5, 5, bias=False))
    model[1].weight = nn.Parameter(model[0].weight.detach().t()) if transposed else model[0].weight
    assert [row.name for row in sparsity_report(model).rows] == ["0.weight"]


def test_dynamically_quantized_models_count_their_packed_weights():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.lstm, self.a, self.b = nn.LSTM(4, 8), nn.Linear(8, 20), nn.Linear(20, 2)

    model = Net()
    with torch.no_grad():
        model.a.weight[:5] = 0
    report = sparsity_report(torch.ao.quantization.quantize_dynamic(model))
    assert sorted(r.name for r in report.rows) == sorted(name for name, _ in model.named_parameters())
    assert report.total.elements == sum(p.numel() for p in model.parameters())
    assert report["a.weight"].zeros >= 40


def test_torchao_models_too():
    from torchao.quantization import Int8WeightOnlyConfig, quantize_

    model = nn.Sequential(nn.Linear(32, 16))
    with torch.no_grad():
        model[0].weight[3] = 0
    quantize_(model, Int8WeightOnlyConfig())
    row = sparsity_report(model)["0.weight"]
    assert row.zeros >= 32 and row.elements == 512


def test_refused():
    with pytest.raises(TypeError, match="got OrderedDict"):
        sparsity_report(small().state_dict())
    with pytest.raises(ValueError, match="'0' is scripted.*before torch.jit.script"):
        sparsity_report(nn.Sequential(torch.jit.script(nn.Linear(3, 3))))
