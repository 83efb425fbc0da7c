"""The audit tells what runs in int8 on every kind of quantized model, by its class and by its kernels."""

import copy
import warnings

import pytest
import torch
from _legacy import KNOWN, ignoring
from torch import nn

from course_utils import models
from course_utils.audit import audit
from course_utils.legacy_int8 import fx, tq

IDS = torch.randint(0, 50, (1, 8), generator=torch.Generator().manual_seed(0))
IMAGES = torch.rand(4, 1, 28, 28, generator=torch.Generator().manual_seed(0))

pytestmark = KNOWN + ignoring(".*must run observer")


@pytest.fixture(autouse=True)
def x86():
    before = torch.backends.quantized.engine
    if "x86" in torch.backends.quantized.supported_engines:
        torch.backends.quantized.engine = "x86"
    yield
    torch.backends.quantized.engine = before


def encoder():
    torch.manual_seed(0)
    return models.Encoder(n_layers=2, width=32, n_heads=2, n_tokens=50, max_steps=8).eval()


def by_name(report):
    return {row.name: row for row in report.rows}


class Stubbed(nn.Module):
    def __init__(self):
        super().__init__()
        self.quant, self.net, self.dequant = tq.QuantStub(), models.SmallCNN(4), tq.DeQuantStub()

    def forward(self, x):
        return self.dequant(self.net(self.quant(x)))


def prepared(model):
    torch.manual_seed(0)
    model = model.eval()
    for block in (model.net if isinstance(model, Stubbed) else model).features:
        tq.fuse_modules(block, ["0", "1", "2"], inplace=True)
    model.qconfig = tq.get_default_qconfig(torch.backends.quantized.engine)
    return tq.prepare(model)


def converted(model, calibrate=True):
    ready = prepared(model)
    if calibrate:
        ready(IMAGES)
    return tq.convert(ready)


def test_a_float_model_is_float():
    report = audit(models.SmallCNN(4).eval(), IMAGES)
    assert report.count("int8") == 0
    assert {row.runs_in for row in report.rows} == {"float32"}
    assert {row.weight_bits for row in report.rows} == {32}
    assert {row.runs_in for row in audit(models.SmallCNN(4).bfloat16()).rows} == {"bfloat16"}


@pytest.mark.parametrize("example", [(), (IDS,)])
def test_legacy_dynamic(example):
    quantized = tq.quantize_dynamic(encoder(), {nn.Linear})
    report = audit(quantized, *example)
    assert report.count("int8", "Linear") == 8  # four in each layer
    assert report.count("float32", "Embedding") == 2
    row = by_name(report)["layers.0.qkv"]
    assert (row.weight_bits, row.engine) == (8, torch.backends.quantized.engine)
    assert ("quantized.linear_dynamic" in row.why) == bool(example)


@pytest.mark.parametrize("example", [(), (IDS,)])
def test_an_embedding_in_8_bits_stores_integers_and_gives_floats(example):
    quantized = tq.quantize_dynamic(encoder(), {nn.Embedding}, dtype=torch.quint8)
    tables = [row for row in audit(quantized, *example).rows if "Embedding" in row.kind]
    assert [(row.runs_in, row.weight_bits) for row in tables] == 2 * [("float32", 8)]
    assert all("looks up is float32" in row.why for row in tables)


@pytest.mark.parametrize("dtype", [torch.float16, torch.qint8])
@pytest.mark.parametrize("kind", [nn.Linear, nn.LSTM, nn.GRUCell])
def test_legacy_dynamic_in_half_precision_is_storage_only(kind, dtype):
    model, x = nn.Sequential(kind(8, 8)), torch.zeros(2, 8) if "Cell" in kind.__name__ else torch.zeros(2, 3, 8)
    model = tq.quantize_dynamic(model, {kind}, dtype=dtype)
    said = [("float32", 16) if dtype == torch.float16 else ("int8", 8)]
    for report in (audit(model), audit(model, x)):
        assert [(row.runs_in, row.weight_bits) for row in report.rows] == said
    scripted = torch.jit.script(model)
    assert [row.runs_in for row in audit(scripted, x).rows] == [said[0][0]]


def test_legacy_static_passes_int8_on():
    report = audit(converted(Stubbed()), IMAGES)
    assert report.count("int8", "ConvReLU2d") == 3 and report.count("int8", "Linear") == 1
    rows = by_name(report)
    assert "quantized.linear" in rows["net.fc"].why
    assert audit(converted(Stubbed())).count() == 4


def test_static_without_stubs_or_data_is_named():
    assert all("QuantStub" in row.why for row in audit(converted(models.SmallCNN(4))).rows if row.runs_in == "int8")
    blind = audit(converted(Stubbed(), calibrate=False))
    assert any("saw no data" in row.why for row in blind.rows)


def test_observed_and_fake_quantized_models_are_still_float():
    report = audit(prepared(Stubbed()))
    assert report.count("int8") == 0
    assert {row.why for row in report.rows} == {"observed, not converted yet"}
    training = nn.Sequential(nn.Linear(4, 4)).train()
    training.qconfig = tq.get_default_qat_qconfig(torch.backends.quantized.engine)
    assert "fake-quantized" in audit(tq.prepare_qat(training)).rows[0].why


def torchao_quantized(config):
    from torchao.quantization import quantize_

    model = encoder()
    quantize_(model, config)
    return model


def test_torchao_dynamic_and_weight_only():
    from torchao.quantization import Int8DynamicActivationInt8WeightConfig, Int8WeightOnlyConfig

    for example in ((), (IDS,)):
        assert audit(torchao_quantized(Int8DynamicActivationInt8WeightConfig()), *example).count("int8", "Linear") == 8
        report = audit(torchao_quantized(Int8WeightOnlyConfig()), *example)
        assert report.count("int8") == 0
        assert {row.weight_bits for row in report.rows if row.kind == "Linear"} == {8}


def test_a_graph_of_pt2e_is_int8_only_when_it_is_compiled():
    import torchao.quantization.pt2e.quantizer.x86_inductor_quantizer as x86
    from torchao.quantization.pt2e.quantize_pt2e import convert_pt2e, prepare_pt2e

    quantizer = x86.X86InductorQuantizer().set_global(x86.get_default_x86_inductor_quantization_config())
    graph = torch.export.export(models.SmallCNN(4).eval(), (IMAGES,)).module()
    assert {row.why for row in audit(graph).rows} == {"the quantizer left it alone"}
    ready = prepare_pt2e(graph, quantizer)
    ready(IMAGES)
    report = audit(convert_pt2e(ready))
    assert len(report.rows) == 4 and report.count("int8") == 0
    assert all("compiled" in row.why and row.weight_bits == 8 for row in report.rows)


def test_a_traced_model_is_told_by_its_kernels():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        traced = torch.jit.freeze(torch.jit.trace(converted(Stubbed()), IMAGES))
        plain = torch.jit.trace(models.SmallCNN(4).eval(), IMAGES)
    assert ["pass an example" in row.why for row in audit(traced).rows] == [True]
    for model, runs_in in ((traced, "int8"), (plain, "float32")):
        for inside in (model, nn.Sequential(model)):
            assert [row.runs_in for row in audit(inside, IMAGES).rows] == 4 * [runs_in]


@pytest.mark.parametrize("wrap", [nn.Sequential, lambda graph: graph])
def test_graphs_of_fx_are_read(wrap):
    net = models.SmallCNN(4).eval()
    ready = fx.prepare_fx(net, tq.get_default_qconfig_mapping(torch.backends.quantized.engine), (IMAGES,))
    assert {row.why for row in audit(wrap(ready)).rows} == {"observed, not converted yet"}
    ready(IMAGES)
    reference, graph = (wrap(convert(copy.deepcopy(ready))) for convert in (fx.convert_to_reference_fx, fx.convert_fx))
    assert [row.runs_in for row in audit(wrap(torch.fx.symbolic_trace(net)), IMAGES).rows if row.weight_bits] == (
        7 * ["float32"]
    )
    for example in ((), (IMAGES,)):
        assert [row.runs_in for row in audit(graph, *example).rows] == 4 * ["int8"]
        assert not any("QuantStub" in row.why for row in audit(graph, *example).rows)
        assert [row.runs_in for row in audit(reference, *example).rows] == 4 * ["float32"]


def test_the_evidence_of_a_run_beats_the_class():
    model = tq.quantize_dynamic(encoder(), {nn.Linear})
    never_called = copy.deepcopy(model)
    never_called.layers[1].forward = lambda x: x
    rows = by_name(audit(never_called, IDS))
    assert rows["layers.0.qkv"].runs_in == "int8"
    assert rows["layers.1.qkv"].runs_in == "unknown" and "no int8 kernel" in rows["layers.1.qkv"].why


def test_what_is_no_model_is_refused():
    with pytest.raises(TypeError, match="got dict"):
        audit({})
    assert "nothing to audit" in repr(audit(nn.ReLU()))
