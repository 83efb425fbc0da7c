"""size_report: every number from an independent count, and a file that is really read back."""

import io

import _legacy
import pytest
import torch
from torch import nn

from course_utils import models, sizes
from course_utils.sizes import size_report
from course_utils.sparsity import sparsity_report

pytestmark = [*_legacy.KNOWN, *_legacy.ignoring(".*must run observer")]


def saved_bytes(model):
    buffer = io.BytesIO()
    torch.save(model.state_dict(), buffer)
    return buffer.tell()


def test_lenet():
    report = size_report(models.LeNet300100())
    assert (report.parameters, report.buffers, report.memory_bytes) == (266_610, 0, 4 * 266_610)
    # The archive names its records after the file, so that two names give slightly different sizes.
    assert abs(report.file_bytes - saved_bytes(models.LeNet300100())) < 500
    assert "266,610" in repr(report) and "1.07 MB" in report._repr_html_()


def test_what_it_prints():
    assert str(sizes.SizeReport(266_610, 21, 1_066_524, 1_070_000_000, 987)).splitlines() == [
        "parameters  buffers  in memory  file, reloaded  file, gzip",
        "----------  -------  ---------  --------------  ----------",
        "266,610          21    1.07 MB         1.07 GB       987 B",
    ]


def test_buffers_and_dtypes_count_as_what_they_are():
    report = size_report(nn.BatchNorm1d(10))
    assert (report.parameters, report.buffers) == (20, 21)
    assert report.memory_bytes == 4 * 40 + 8  # num_batches_tracked is an int64
    assert size_report(nn.Linear(10, 10).half()).memory_bytes == 2 * 110


def test_what_tensors_share_counts_once():
    model = nn.Sequential(nn.Linear(50, 50, bias=False), nn.Linear(50, 50, bias=False), nn.Linear(50, 20, bias=False))
    model[1].weight = nn.Parameter(model[0].weight.detach().t())
    model[2].weight = nn.Parameter(model[0].weight.detach()[:20])
    model.register_buffer("again", model[0].weight.detach())
    model.register_buffer("ids", torch.arange(7).expand(100, 7))
    report = size_report(model)
    assert (report.parameters, report.buffers, report.memory_bytes) == (2500, 7, 10_000 + 7 * 8)


@pytest.mark.parametrize("wrap", [nn.Sequential, lambda model: model])
def test_a_scripted_part_is_refused(wrap):
    quantized = torch.ao.quantization.quantize_dynamic(nn.Sequential(nn.Linear(8, 8)))
    with pytest.raises(ValueError, match="is scripted.*torch.jit.save"):
        size_report(wrap(torch.jit.script(quantized)))


def test_the_file_is_compared_with_the_model(monkeypatch):
    real = torch.load

    def damaged(*args, **kwargs):
        state = real(*args, **kwargs)
        state["weight"][0, 0] += 1
        return state

    monkeypatch.setattr(sizes.torch, "load", damaged)
    with pytest.raises(ValueError, match="'weight' differs"):
        size_report(nn.Linear(2, 2))


class Recurrent(nn.Module):
    def __init__(self):
        super().__init__()
        self.lstm, self.head = nn.LSTM(4, 8), nn.Linear(8, 2)


def test_packed_weights_of_dynamic_quantization():
    report = size_report(torch.ao.quantization.quantize_dynamic(Recurrent()))
    weights, biases = 32 * 4 + 32 * 8 + 2 * 8, 32 + 32 + 2
    assert report.parameters == 0
    assert report.buffers == weights + biases + 2  # a scale and a zero point of the linear layer
    assert report.memory_bytes == weights + 4 * biases + 4 + 8
    assert report.file_bytes > report.memory_bytes


def test_torchao_weights_count_as_what_they_store():
    from torchao.quantization import Int8WeightOnlyConfig, quantize_

    model = nn.Sequential(nn.Linear(64, 64, bias=False))
    quantize_(model, Int8WeightOnlyConfig())
    report = size_report(model)
    assert report.parameters == 64 * 64
    assert 64 * 64 < report.memory_bytes < 1.2 * 64 * 64  # int8, and scales


def test_packed_weights_which_have_no_dequantize_are_counted_too():
    from torchao.prototype.quantization.int4 import PrototypeInt4WeightOnlyConfig
    from torchao.quantization import quantize_

    model = nn.Sequential(nn.Linear(64, 32, bias=False))
    with torch.no_grad():
        model[0].weight[3] = 0
    quantize_(model, PrototypeInt4WeightOnlyConfig(group_size=32))
    report = size_report(model)
    assert report.memory_bytes == 64 * 32 * 6 // 8  # half a byte each, and two floats of 4 bytes for 32
    assert sparsity_report(model)["0.weight"].zeros >= 64


def test_the_compressed_file_sees_zeros():
    torch.manual_seed(0)
    model = nn.Linear(200, 200)
    dense = size_report(model, compressed=True)
    assert size_report(model).compressed_bytes is None
    with torch.no_grad():
        model.weight[20:] = 0
    sparse = size_report(model, compressed=True)
    assert 0.85 * dense.file_bytes < dense.compressed_bytes < dense.file_bytes  # random digits hardly compress
    assert abs(sparse.file_bytes - dense.file_bytes) < 500
    assert sparse.compressed_bytes < 0.15 * sparse.file_bytes
    assert "gzip" in repr(sparse) and "gzip" not in repr(size_report(model))


@pytest.mark.filterwarnings("ignore:Sparse CSR tensor support is in beta:UserWarning")
def test_a_sparse_weight_counts_its_values_and_its_indices():
    layer = nn.Linear(100, 10, bias=False)
    with torch.no_grad():
        layer.weight[:, 5:] = 0
    layer.weight = nn.Parameter(layer.weight.detach().to_sparse_csr())
    report = size_report(layer)
    assert report.memory_bytes == 50 * 4 + 50 * 8 + 11 * 8  # values, column indices, row pointers in int64
    layer.weight = nn.Parameter(layer.weight.detach().to_dense().to_sparse_coo())
    with pytest.raises(ValueError, match="convert it to sparse_csr"):
        size_report(layer)
