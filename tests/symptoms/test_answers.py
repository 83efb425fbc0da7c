"""Each remedy on quantization is followed on a network of torchvision until it answers.

That its error is gone says little: the next one may follow, or a network that gives every image the same class.
The networks have learned to tell four patterns apart, since one with random weights answers by chance.
"""

import copy
import functools
import itertools
import platform
import re
import subprocess
import sys
import types

import pytest
import torch
import torch.ao.quantization as tq
import torch.nn.functional as F
from _page import CODE, PAGE, ROWS
from torch import nn
from torchvision import models
from torchvision.models import quantization

from lessons.pt2e.show import has_cpp_compiler

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]

LABELS = torch.arange(4).repeat(4)


def small():
    layers = [nn.Conv2d(3, 8, 3, 2), nn.ReLU(), nn.Conv2d(8, 8, 3, 2), nn.ReLU(), nn.Flatten(), nn.Linear(1800, 4)]
    return nn.Sequential(*layers)


MADE = {  # a network, and what `learn` gets
    "mobilenet_v2": (models.mobilenet_v2, 30, 1e-3),
    "resnet18": (models.resnet18, 12, 1e-3),
    "squeezenet1_1": (models.squeezenet1_1, 80, 3e-4),  # a chain without a `+`
    "vit": (functools.partial(models.VisionTransformer, 64, 16, 2, 4, 64, 128, num_classes=4), 40, 1e-3),
    "small": (small, 60, 1e-2),
    "swin": (functools.partial(models.SwinTransformer, [4, 4], 32, [2, 2], [2, 4], [4, 4], num_classes=4), 40, 1e-3),
}
FOLLOWED = {}


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    n_threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(n_threads)


def follows(*parts):
    """Register what follows the rows with one of `parts` in their headings."""
    return lambda follow: FOLLOWED.update(dict.fromkeys(parts, follow)) or follow


@functools.cache
def patterns():
    rough = torch.randn(4, 3, 4, 4, generator=torch.Generator().manual_seed(0))
    return F.interpolate(rough, 64)[LABELS]


def images():
    return patterns() + 0.3 * torch.randn(16, 3, 64, 64)


def learn(model, steps, lr):
    optimizer = torch.optim.Adam(model.parameters(), lr)
    for _ in range(steps):
        optimizer.zero_grad()
        F.cross_entropy(model(images()), LABELS).backward()
        optimizer.step()
    return model


@functools.cache
def trained(name):
    torch.manual_seed(0)
    make, *how = MADE[name]
    model = learn(make().train(), *how)
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.reset_running_stats()
            module.momentum = None  # those of so short a training lag behind
    with torch.no_grad():
        model(images())
    assert share_right(model.eval()) == 1
    return model


def net(name="mobilenet_v2"):
    return copy.deepcopy(trained(name))


def share_right(model):
    with torch.no_grad():
        return (model(images()).argmax(1) == LABELS).float().mean().item()


def run(code, **names):
    names = {"torch": torch, "nn": nn, "F": F, "tq": tq, **names}
    exec(compile(code, "symptoms.md", "exec"), names)
    return types.SimpleNamespace(**names)


def code_of(part):
    return CODE.findall(next(text for heading, text in ROWS.items() if part in heading))


def ready(fuse=True):
    """torchvision's mobilenet_v2 for the older tools, with our weights."""
    model = quantization.mobilenet_v2(quantize=False).eval()
    model.load_state_dict(trained("mobilenet_v2").state_dict())
    if fuse:
        model.fuse_model(is_qat=False)
    model.qconfig = tq.get_default_qconfig("x86")
    return model


def static(model, calibrate=True):
    prepared = tq.prepare(model.eval())
    if calibrate:
        prepared(images())
    return tq.convert(prepared)


def pt2e(model):
    return run(code_of("that I did not write")[0], model=model, images=images())


def in_int8(model):
    """How many layers have rounded weights: in a graph of PT2E, in the older tools, and in torchao."""
    if isinstance(model, torch.fx.GraphModule):
        return sum("dequantize_per_channel" in str(node.target) for node in model.graph.nodes)
    with_weights = [module for module in model.modules() if hasattr(module, "weight")]
    return sum(".quantized." in type(m).__module__ or hasattr(m.weight, "qdata") for m in with_weights)


@follows("conv2d.new")
def chain(code, folder):
    yield static(run(code[0], model=net("squeezenet1_1")).model)


@follows("that I did not write")
def not_written(code, folder):
    yield pt2e(net()).int8
    for name in ("mobilenet_v2", "resnet18"):
        yield run(code[1].replace("mobilenet_v2", name), model=net(name), images=images()).int8


@follows("Input partition")
def one_relu(code, folder):
    with pytest.raises(ValueError, match="Input partition"):
        pt2e(net("resnet18"))
    yield pt2e(run(code[0], model=net("resnet18")).model).int8


@follows("_softmax.out")
def ends_in_float(code, folder):
    model = nn.Module()
    model.quant, model.conv, model.dequant = tq.QuantStub(), net("squeezenet1_1"), tq.DeQuantStub()
    model.qconfig = tq.get_default_qconfig("x86")
    return [static(type("Mended", (Parts,), {"forward": run(code[0]).forward})(model))]


class Parts(nn.Module):
    """The parts of another module, with a forward pass of its own."""

    def __init__(self, model):
        super().__init__()
        self.__dict__.update(model.__dict__)


@follows("aten::add.out")
def skips(code, folder):
    """The page's forward pass in each block of mobilenet_v2 with a skip; the other layers get stubs around them."""
    model = net()
    for i, block in enumerate(model.features):
        if getattr(block, "use_res_connect", False):
            block.quant, block.dequant = tq.QuantStub(), tq.DeQuantStub()
            block.plus = torch.ao.nn.quantized.FloatFunctional()
            model.features[i] = type("Mended", (Parts,), {"forward": run(code[0]).forward})(block)
        else:
            model.features[i] = tq.QuantWrapper(block)
    model.classifier = tq.QuantWrapper(model.classifier)
    model.qconfig = tq.get_default_qconfig("x86")
    yield static(model)


@follows("run on a GPU", "is deprecated`, `cannot", "far off on another", "mslk")
def by_torchao(code, folder):
    for name in ("mobilenet_v2", "vit", "swin"):
        yield run(code[0], model=net(name)).model


@follows("NoQEngine")
def with_another_engine(code, folder):
    engine = torch.backends.quantized.engine
    try:
        run(code[0])
        yield static(ready())
    finally:
        torch.backends.quantized.engine = engine


@follows("qscheme")
def with_a_qconfig(code, folder):
    model = ready()
    model.qconfig = run(code[0]).qconfig
    yield static(model)


@follows("ConvTranspose")
def transposed(code, folder):
    """torchvision has no small network with one, so it stands before a mobilenet, and gives the image back."""
    identity = nn.ConvTranspose2d(3, 3, 1)
    with torch.no_grad():
        identity.weight.copy_(torch.eye(3)[:, :, None, None])
        identity.bias.zero_()
    wrapped = tq.QuantWrapper(identity)
    wrapped.qconfig = tq.get_default_qconfig("x86")
    yield nn.Sequential(static(run(code[0], model=wrapped).model), net())


@follows("did nothing")
def dynamic(code, folder):
    for name in ("mobilenet_v2", "vit"):
        yield run(code[0], model=net(name)).model


@follows("calculate_qparams")
def calibrated(code, folder):
    yield run(code[0], model=ready(), images=images()).int8


@follows("depthwise")
def per_channel(code, folder):
    model = run(code[0], model=ready()).model
    assert isinstance(model.qconfig.weight(), tq.PerChannelMinMaxObserver)
    yield static(model)


@follows("NonDynam")
def attention_left_out(code, folder):
    prepared = run(code[0], model=net("vit")).prepared
    yield tq.convert(learn(prepared, 3, lr=1e-4).eval())


@follows("Embedding quantization")
def embedding(code, folder):
    """Words are no images: each pattern is one of four words here, its class read from the embedding."""
    model = nn.Sequential()
    model.add_module("embedding", nn.Embedding(4, 16))
    model.add_module("linear", tq.QuantWrapper(nn.Linear(16, 4)))
    with torch.no_grad():
        model.embedding.weight.copy_(torch.eye(4).repeat(1, 4))
        model.linear.module.weight.copy_(torch.eye(4).repeat(1, 4))
    model.qconfig = tq.get_default_qconfig("x86")
    prepared = tq.prepare(run(code[0], model=model).model.eval())
    prepared(LABELS)
    int8 = tq.convert(prepared)
    assert "Quantized" in str(int8.embedding)
    yield Words(int8)


class Words(nn.Module):
    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, _):
        return self.model(LABELS)


@follows("prepare_qat only")
def fused_for_training(code, folder):
    model = ready(fuse=False)
    layers = itertools.pairwise(model.named_modules())
    pairs = [[a, b] for (a, conv), (b, norm) in layers if type(conv) is nn.Conv2d and type(norm) is nn.BatchNorm2d]
    model = run(code[0].replace('[["conv", "bn"]]', str(pairs)), model=model).model
    model.qconfig = tq.get_default_qat_qconfig("x86")
    yield tq.convert(learn(tq.prepare_qat(model), 4, lr=1e-4).eval())


@follows("each time it is evaluated")
def observers_off(code, folder):
    model = ready()
    model.qconfig = tq.get_default_qat_qconfig("x86")
    model = run(code[0], model=learn(tq.prepare_qat(model.train()), 3, lr=1e-4).eval()).model
    x = images()
    before, _ = model(x), model(100 * x)
    assert before.equal(model(x))
    yield tq.convert(model)


@follows("got Double")
def from_fp32(code, folder):
    n = run(code[0], model=ready().double(), x=images().double())
    prepared = tq.prepare(n.model)
    prepared(n.x)
    yield tq.convert(prepared)


@follows("not method")
def weight_is_a_method(code, folder):
    """Its first piece is for code of one's own, so it stands in for the call of mobilenet's last layer."""
    model = tq.quantize_dynamic(net(), {nn.Linear})
    layer = model.classifier[1]
    model.classifier[1] = Reading(layer, code[0])
    yield model
    with pytest.raises(TypeError, match="not method"):
        tq.quantize_dynamic(net("swin"), {nn.Linear})(images())
    yield run(code[1], model=net("swin")).model


class Reading(nn.Module):
    def __init__(self, layer, code):
        super().__init__()
        self.layer, self.code = layer, code

    def forward(self, x):
        return run(self.code, layer=self.layer, x=x).y + self.layer.bias()


@follows("fast path")
def slow_path(code, folder):
    """torchvision's transformers do not use PyTorch's layer, so one stands before the head of its vit."""
    torch.manual_seed(0)
    model = net("vit")
    model.encoder.ln = nn.Sequential(
        model.encoder.ln, nn.TransformerEncoderLayer(64, 4, 128, batch_first=True, norm_first=True)
    )
    for p in [*model.encoder.ln[1].linear2.parameters(), *model.encoder.ln[1].self_attn.out_proj.parameters()]:
        nn.init.zeros_(p)  # it passes on what it gets
    int8 = tq.quantize_dynamic(model.eval(), {nn.Linear})
    try:
        with torch.no_grad(), pytest.raises(AttributeError, match="device"):
            int8(images())
        run(code[0])
        assert share_right(int8) > 0.9
        yield int8
    finally:
        torch.backends.mha.set_fastpath_enabled(True)


@follows("data-dependent")
def without_branch(code, folder):
    """Divides images by their largest value, and multiplies by one that is as large."""
    mended = type("Mended", (nn.Module,), {"forward": run(code[0]).forward})()
    scale = nn.Conv2d(3, 3, 1, groups=3, bias=False)
    nn.init.constant_(scale.weight, images().max().item())
    yield pt2e(nn.Sequential(mended, scale, net()).eval()).int8


@follows("exported to ONNX")
def in_onnx_runtime(code, folder):
    runtime = pytest.importorskip("onnxruntime")
    from onnxruntime.quantization import QuantType, quantize_static

    class Reader(list):
        def get_next(self):
            return self.pop() if self else None

    path = folder / "model.onnx"
    int8 = path.with_name("int8.onnx")
    torch.onnx.export(net(), (images(),), path)
    made = dict(per_channel=True, reduce_range=True, activation_type=QuantType.QUInt8, weight_type=QuantType.QInt8)
    quantize_static(path, int8, Reader([{"x": images().numpy()}]), **made)
    session = runtime.InferenceSession(int8)
    yield lambda x: torch.tensor(session.run(None, {session.get_inputs()[0].name: x.numpy()})[0])


@follows("The file of PT2E")
def without_unread(code, folder):
    path = folder / "int8.pt2"
    yield run(code[0], int8=pt2e(net()).int8, images=images(), path=path).int8
    torch.save(net().state_dict(), whole := folder / "float.pt")
    assert path.stat().st_size < 0.5 * whole.stat().st_size
    yield torch.export.load(path).module()


@follows("`.pt2` file")
def in_a_fresh_process(code, folder):
    if not has_cpp_compiler():
        pytest.skip("torch.compile needs a C++ compiler")
    x, path, said = images(), folder / "int8.pt2", folder / "answers.pt"
    graph = pt2e(net("small")).int8  # each layer takes the compiler a second
    torch.export.save(torch.export.export(graph, (x,)), path)
    torch.save(x, folder / "images.pt")
    script = f"""
import torch
path, images = {str(path)!r}, torch.load({str(folder / "images.pt")!r})
{code[0]}
from torch.profiler import ProfilerActivity, profile
with torch.no_grad(), profile(activities=[ProfilerActivity.CPU]) as seen:
    fast(images)
torch.save((answers, sum(e.count for e in seen.key_averages() if e.key.startswith("onednn::q"))), {str(said)!r})
"""
    subprocess.run([sys.executable, "-c", script], check=True, cwd=folder)
    answers, n_kernels = torch.load(said)
    assert n_kernels == in_int8(graph) or platform.machine().lower() in ("arm64", "aarch64")
    assert (answers.argmax(1) == LABELS).float().mean() > 0.9
    yield graph


@follows('"0.scale"')
def loaded(code, folder):
    yield run(code[0], model=net().apply(forget), state=tq.quantize_dynamic(net(), {nn.Linear}).state_dict()).int8


def forget(module):
    if hasattr(module, "reset_parameters"):
        module.reset_parameters()


@follows("has 0 parameters")
def scripted(code, folder):
    int8 = static(ready())
    assert not list(int8.parameters())
    path = folder / "int8.pt"
    assert run(code[0], scripted=torch.jit.script(int8), path=path).n_bytes < 4e6
    yield int8
    assert share_right(torch.jit.load(path)) > 0.9


SECTION = re.search(r"^## int8 and QAT\n((?:.|\n)*?)(?=^## )", PAGE, re.M)[1]
ON_INT8 = [heading for heading in ROWS if f"### {heading}\n" in SECTION or any(part in heading for part in FOLLOWED)]


@pytest.mark.parametrize("heading", ON_INT8)
def test_the_remedy_ends_in_an_int8_network_that_answers(heading, tmp_path):
    follow = next((follow for part, follow in FOLLOWED.items() if part in heading), None)
    assert follow, "a remedy on quantization that nobody has followed to an answer"
    torch.manual_seed(0)
    for int8 in follow(CODE.findall(ROWS[heading]), tmp_path):
        assert share_right(int8) > 0.9
        assert not isinstance(int8, nn.Module) or in_int8(int8), "the answers are those of float"


def test_one_that_guesses_is_told_apart():
    assert share_right(net()) == 1 and share_right(static(ready(), calibrate=False)) < 0.5
