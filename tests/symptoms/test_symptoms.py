"""The page of symptoms: each error that it quotes is produced here, and each piece of its code runs.

That of the rows which bring a whole network to int8 runs in test_answers.
"""

import copy
import io
import re
import warnings
from pathlib import Path
from types import SimpleNamespace as Names

import lightning as L
import pytest
import safetensors.torch
import torch
import torch.ao.quantization as tq
import torch.nn.functional as F
import transformers
from _page import CODE, ROWS
from lightning.pytorch.callbacks import EarlyStopping, ModelCheckpoint, ModelPruning
from safetensors.torch import save_file
from test_answers import FOLLOWED
from torch import nn
from torch.nn.utils import parametrizations, parametrize, prune
from torch.utils.checkpoint import checkpoint
from torch.utils.data import DataLoader, TensorDataset
from torchao.quantization import Int4WeightOnlyConfig, quantize_
from torchao.quantization.pt2e.quantize_pt2e import convert_pt2e, prepare_pt2e
from torchao.quantization.pt2e.quantizer import x86_inductor_quantizer as x86

QUOTED = re.compile(r"`` ?(.+?) ?``(?!`)|`(.+?)`")
LESSON = re.compile(r"Lesson\s\[\d+\.\d+ ")
IMAGES, X = torch.randn(2, 3, 8, 8), torch.randn(4, 8)
ODD, LOADER = TensorDataset(torch.randn(33, 8)), DataLoader(TensorDataset(torch.randn(32, 8)), 8)
BIG, GRAM, CODES = torch.full((300,), 300.0).half(), X[:2].T @ X[:2], torch.zeros(3, dtype=torch.int8)
BYTES, TWO = torch.zeros(2, 3, 8, 8, dtype=torch.uint8), torch.tensor([0, 1])
POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n"
SCENES = {}


def row(part, *fails, then=None, world=dict, **made):
    """What shows the row with `part` in its heading.

    `fails` raise or warn what it quotes. Its code runs with the names of `base`, of `world()`, and each of `made`.
    `then` looks at all names afterwards, and gives False where the code did not help.
    """
    SCENES[part] = fails, world, made, then


def base(folder):
    """Names that stand for the reader's own."""
    model, y = nn.Sequential(nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 3)), torch.randn(4, 3)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    return dict(model=model, x=X, y=y, optimizer=optimizer, path=folder / "file", losses=[], layer=a.masked())


def heard(fails):
    """What errors and warnings say, in one line."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        texts = []
        for fail in fails:
            try:
                fail()
            except Exception as error:
                texts.append(str(error))
    return " ".join(" ".join([*texts, *(str(warning.message) for warning in caught)]).split())


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("heading", ROWS)
def test_the_row_quotes_what_is_really_said_and_its_code_runs(heading, tmp_path, monkeypatch):
    said = heading if heading.startswith("`") else heading.partition(";")[2]
    errors = [one or other for one, other in QUOTED.findall(said)]
    code = [] if any(part in heading for part in FOLLOWED) else CODE.findall(ROWS[heading])
    parts = [part for part in SCENES if part in heading]
    assert LESSON.search(ROWS[heading]) and len(parts) == bool(code or errors)
    monkeypatch.chdir(tmp_path)
    engine = torch.backends.quantized.engine
    torch.manual_seed(0)
    try:
        for fails, world, made, then in map(SCENES.get, parts):
            text = heard(fails)
            for error in errors:
                assert re.search(".*".join(map(re.escape, error.split(" … "))), text), error
            names = {**globals(), **base(tmp_path), **world(), **{name: make() for name, make in made.items()}}
            for piece in code:
                exec(compile(piece, heading, "exec"), names)
            assert then is None or then(Names(**names)) is not False
    finally:
        torch.backends.quantized.engine = engine
        torch.backends.mha.set_fastpath_enabled(True)


def scaled(dtype=torch.float32, factor=1.0):
    """A model, its optimizer, scaler and scheduler after a backward pass."""
    model = nn.Linear(8, 3).to(dtype)
    optimizer, scaler = torch.optim.SGD(model.parameters(), lr=0.1), torch.amp.GradScaler("cpu")
    scaler.scale(model(X.to(dtype)).square().mean() * factor).backward()
    return dict(locals(), scheduler=torch.optim.lr_scheduler.StepLR(optimizer, 1))


a = Names(
    linear=lambda *more: nn.Sequential(nn.Linear(8, 8), *more),
    zeros=lambda layer: int((layer.weight == 0).sum()),
    half_of=lambda layer: prune.l1_unstructured(layer, "weight", amount=0.5),
    masked=lambda: a.half_of(nn.Linear(8, 8)),
    held=lambda: nn.Sequential(a.masked()),
    step=lambda n: n["scaler"].step(n["optimizer"]),
    dynamic=lambda: tq.quantize_dynamic(a.linear(), {nn.Linear}),
    conv=lambda: nn.Sequential(nn.Conv2d(3, 4, 3)),
    rectified=lambda: nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU()),
    lazy=lambda: nn.Sequential(nn.LazyLinear(3)),
    meta=lambda: a.linear().to("meta"),
    attention=lambda: named(layer=nn.TransformerEncoderLayer(8, 2)),
    words=lambda: named(embedding=nn.Embedding(8, 8), linear=nn.Linear(8, 8)),
    normed=lambda: named(conv=nn.Conv2d(3, 3, 3), bn=nn.BatchNorm2d(3)),
    bare=lambda: prune.remove(a.masked(), "weight"),
    normal=lambda: parametrizations.weight_norm(nn.Linear(8, 8)),
    cut=lambda: nn.Sequential(nn.Conv2d(3, 16, 3), nn.Conv2d(16, 4, 3)),
    narrow=lambda: nn.Sequential(nn.Linear(8, 5)).state_dict(),
    big=lambda: prune.l1_unstructured(nn.Linear(300, 300), "weight", amount=0.95),
    compiled=lambda: torch.compile(nn.Linear(8, 8)),
    smaller=lambda path, content: path.stat().st_size * 7 < len(file_of(content).getvalue()),
    tied=lambda: transformers.GPT2LMHeadModel(transformers.GPT2Config(n_embd=8, n_head=2, n_layer=1, vocab_size=9)),
    encoder=lambda: nn.TransformerEncoderLayer(8, 2, batch_first=True).eval(),
    fast=lambda: torch.no_grad()(tq.quantize_dynamic(a.encoder(), {nn.Linear}).forward)(X[None]),
    trainer=lambda **more: L.Trainer(accelerator="cpu", max_epochs=4, logger=False, enable_progress_bar=False, **more),
    through=lambda block, **how: checkpoint(block, X, **how).sum().backward(),
    wide=lambda: nn.Sequential(nn.Linear(128, 128)),
    bert=lambda: transformers.BertForSequenceClassification(
        transformers.BertConfig(vocab_size=9, hidden_size=8, num_hidden_layers=1, num_attention_heads=2)
    ),
    falcon=lambda: transformers.FalconForCausalLM(
        transformers.FalconConfig(
            vocab_size=50, hidden_size=32, num_hidden_layers=2, num_attention_heads=4, bos_token_id=1
        )
    ),
)


def in_adam(model):
    """Whether three steps with gradients of zero make NaN."""
    optimizer, x = torch.optim.Adam(model.parameters()), torch.zeros(4, 8, dtype=model[0].weight.dtype)
    for _ in range(3):
        model(x).square().mean().backward()
        optimizer.step()
    return bool(model[0].weight.isnan().any())


row(
    "Half but",
    lambda: torch.bmm(X[None].half(), X.T[None]),
    lambda: a.linear().bfloat16()(X),
    lambda: a.conv()(IMAGES.half()),
    lambda: torch.autocast("cpu", torch.bfloat16)(lambda: torch.zeros(4, 8).index_put_((TWO,), a.linear()(X[:2])))(),
    buffer=lambda: torch.zeros(6, 3),
    rows=lambda: torch.arange(4),
    then=lambda n: n.buffer[:4].equal(n.logits.float()),
)
row(
    "Byte",
    lambda: a.linear()(BYTES[0, 0]),
    lambda: a.conv()(BYTES),
    model=a.conv,
    images=lambda: BYTES,
    then=lambda n: n.logits.dtype == torch.float32,
)
row(
    "amp.autocast(args",
    lambda: torch.cuda.amp.autocast(),
    lambda: torch.cuda.amp.GradScaler(),
    then=lambda n: type(n.scaler) is torch.amp.GradScaler,
)
row("BCELoss", logits=lambda: X, y=lambda: (X > 0).float(), then=lambda n: n.loss.isfinite().item())
row("Attempting", lambda: a.step(scaled(torch.half)), model=lambda: a.linear().half())
row(
    "unscale_()",
    lambda: [n := scaled(), *(n["scaler"].unscale_(n["optimizer"]) for _ in "12")],
    world=scaled,
    parts=lambda: [(X, X[:, :3])],
    scaler=lambda: torch.amp.GradScaler("cpu"),
)
row("inf checks", lambda: [n := scaled(), n["optimizer"].zero_grad(), a.step(n)])
row(
    "Detected",
    lambda: [n := scaled(factor=1e38), a.step(n), n["scheduler"].step()],
    world=lambda: scaled(factor=1e38),
    then=lambda n: n.scheduler.last_epoch == 0,
)
row("NaN after", model=lambda: a.linear().half(), then=lambda n: not in_adam(n.model) and in_adam(a.linear().half()))
row(
    "stops growing",
    mask=BIG.bfloat16,
    values=lambda: BIG,
    then=lambda n: n.total == 90_000 and BIG.sum().isinf().item(),
)
row("ScalarType BFloat16", lambda: X.bfloat16().numpy(), logits=X.bfloat16)
row("without CUDA", then=lambda n: n.scaler.is_enabled() == torch.cuda.is_available())
row("out of memory", block=a.linear, loss=lambda: torch.ones(()), then=lambda n: n.losses == [1.0])
row("more than 1", lambda: nn.BatchNorm1d(8)(X[:1]), dataset=lambda: ODD, then=lambda n: len(n.loader) == 4)
row("Frozen", model=lambda: nn.Sequential(nn.BatchNorm2d(3).eval()), then=lambda n: not n.model[0].training)


def wrapped(dtype=torch.float32):
    model = tq.QuantWrapper(a.linear()).to(dtype).eval()
    model.qconfig = tq.get_default_qconfig("x86")
    return model


def static(model, x):
    model.qconfig = tq.get_default_qconfig("x86")
    prepared = tq.prepare(model.eval())
    prepared(x)
    return tq.convert(prepared)


class Lit(L.LightningModule):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 8))

    def training_step(self, batch, _):
        return F.mse_loss(self.net(batch[0]), batch[0])

    def validation_step(self, batch, _):
        self.log("loss", self.training_step(batch, 0))

    def configure_optimizers(self):
        return torch.optim.Adam(self.parameters(), lr=0.01)


class Small(nn.Module):
    """A convolution with an end of its own, for which int8 has no routine."""

    def __init__(self, end):
        super().__init__()
        self.quant, self.conv, self.end = tq.QuantStub(), nn.Conv2d(3, 3, 3, padding=1), end

    def forward(self, x):
        x = self.quant(x)
        return self.end(self.conv(x), x)


def named(**modules):
    model = nn.Sequential()
    for name, module in modules.items():
        model.add_module(name, module)
    model.qconfig = tq.get_default_qat_qconfig("x86")
    return model


class Twice(nn.Module):
    """Calls one ReLU after each of its layers."""

    def __init__(self):
        super().__init__()
        self.layers, self.relu = nn.ModuleList(nn.Conv2d(3, 3, 3) for _ in "12"), nn.ReLU()

    def forward(self, x):
        for layer in self.layers:
            x = self.relu(layer(x))
        return x


def pt2e(model):
    quantizer = x86.X86InductorQuantizer().set_global(x86.get_default_x86_inductor_quantization_config())
    return convert_pt2e(seen(prepare_pt2e(torch.export.export(model.eval(), (IMAGES,)).module(), quantizer), IMAGES))


def seen(prepared, x):
    """A prepared model after a batch; one of the older tools is in eval mode then."""
    prepared(x)
    return prepared if isinstance(prepared, torch.fx.GraphModule) else prepared.eval()


def transposed(qat=False):
    model = tq.QuantWrapper(nn.ConvTranspose2d(3, 3, 3)).train(qat)
    model.qconfig = tq.get_default_qat_qconfig("x86") if qat else tq.get_default_qconfig("x86")
    return model


class Branching(nn.Module):
    """Decides by a number of its input what it computes."""

    def forward(self, x):
        return x / x.max() if x.max() > 1 else x


def float_qparams():
    torch.backends.quantized.engine = "onednn"
    weight = torch.quantize_per_channel(X[:, :4], torch.ones(4), torch.zeros(4), 0, torch.quint8)
    torch.ops.quantized.linear_prepack(weight, None)


def sum_without_engine():
    weight = torch.quantize_per_tensor(torch.randn(3, 3, 1, 1), 0.1, 0, torch.qint8)
    packed = torch.ops.quantized.conv2d_prepack(weight, None, [1, 1], [0, 0], [1, 1], 1)
    image = torch.quantize_per_tensor(IMAGES, 0.1, 0, torch.quint8)
    torch.ops.quantized.conv2d_add(image, image, packed, 1.0, 0)


def ends(*ends):
    """Run an int8 network with each of these ends."""
    return [lambda end=end: static(Small(end), IMAGES)(IMAGES) for end in ends]


row(
    "conv2d.new",
    lambda: static(a.conv(), IMAGES)(IMAGES),
    lambda: static(tq.fuse_modules(a.rectified().eval(), ["0", "1"]), IMAGES)(IMAGES),
    lambda: static(a.linear(), X)(X),
)
row("Input partition", lambda: pt2e(Twice()))
row(
    "_softmax.out",
    *ends(lambda y, x: y.softmax(1), lambda y, x: F.silu(y), lambda y, x: F.layer_norm(y, y.shape[1:])),
)
row("aten::add.out", *ends(lambda y, x: x + y, lambda y, x: x * y, lambda y, x: y + x))
row(
    "ConvTranspose",
    lambda: tq.prepare(transposed()),
    lambda: tq.convert(seen(tq.prepare_qat(transposed(qat=True)), IMAGES)),
    model=transposed,
    then=lambda n: tq.convert(seen(tq.prepare(n.model), IMAGES))(IMAGES).isfinite().all(),
)
row("data-dependent", lambda: torch.export.export(Branching(), (X,)))
row("quantization is deprecated", a.dynamic, lambda: exec("from torchao.quantization import int8_weight_only"))
row("NoQEngine", lambda: setattr(torch.backends.quantized, "engine", "none"), sum_without_engine)
row("qscheme", lambda: tq.MinMaxObserver(qscheme=torch.per_channel_affine), float_qparams)
row("did nothing", then=lambda n: "Dynamic" in str(n.model))
row(
    "calculate_qp",
    lambda: tq.convert(tq.prepare(wrapped())),
    model=wrapped,
    images=lambda: X,
    then=lambda n: n.int8(X).any(),
)
row("depthwise", then=lambda n: isinstance(n.model.qconfig.weight(), tq.PerChannelMinMaxObserver))
row("NonDynam", lambda: tq.prepare_qat(a.attention()), model=a.attention)
row("Embedding", lambda: static(a.words(), torch.tensor([1])), model=a.words)
row(
    "prepare_qat",
    lambda: tq.prepare_qat(a.normed().eval()),
    lambda: tq.fuse_modules(a.normed(), [["conv", "bn"]]),
    model=a.normed,
    then=lambda n: tq.prepare_qat(n.model.train()),
)
row(
    "each time it is evaluated",
    model=lambda: seen(tq.prepare_qat(named(linear=nn.Linear(8, 8)).train()), X),
    then=lambda n: n.model(X).equal([n.model(X), n.model(100 * X), n.model(X)][2]),
)
row(
    "got Double",
    lambda: static(wrapped(dtype=torch.float64), X.double())(X.double()),
    model=lambda: wrapped(dtype=torch.float64),
    x=X.double,
    then=lambda n: static(n.model, n.x),
)
row("not method", lambda: F.linear(X, a.dynamic()[0].weight), layer=lambda: a.dynamic()[0])
row("fast path", a.fast, then=lambda n: a.fast())


def keeps(layer):
    """Whether the zeros are still there after a step."""
    layer(X).sum().backward()
    torch.optim.SGD(layer.parameters(), lr=0.1).step()
    layer(X)
    return a.zeros(layer) == 32


row(
    '"weight_orig", "',
    lambda: a.linear()[0].load_state_dict(a.masked().state_dict()),
    model=a.bare,
    state=lambda: a.masked().state_dict(),
)
row("deepcopy", lambda: copy.deepcopy(a.masked()), model=a.masked, then=lambda n: n.twin(X).equal(n.model(X)))
row("a second time", lambda: [m := a.masked(), *(F.linear(X, m.weight).sum().backward() for _ in "12")])
row("never move", model=a.attention, x=lambda: X[None])
row("come back", layer=a.bare, then=lambda n: keeps(n.layer) and not keeps(a.bare()))
row("has to be pruned", lambda: prune.remove(a.held(), "weight"), model=a.held)
row("75 %", then=lambda n: a.zeros(n.layer) == 51 and a.zeros(a.half_of(a.masked())) == 48)
row("cannot assign", lambda: a.half_of(a.normal()), layer=a.normal, then=lambda n: a.zeros(n.layer) == 32)
row("WeightNorm", then=lambda n: a.zeros(n.model[0]) and not parametrize.is_parametrized(n.model[0]))
row(
    "another size",
    lambda: torch.export.export(nn.Linear(8, 3), (X,)).module()(X[:2]),
    then=lambda n: len(n.program.module()(X[:2])) == 2,
)
row(
    "Given groups",
    lambda: nn.Sequential(nn.Conv2d(3, 8, 3), a.cut()[1])(IMAGES),
    lambda: nn.Sequential(nn.Flatten(), nn.Linear(8, 3))(IMAGES),
    model=a.cut,
    x=lambda: IMAGES,
)
row("loss does not fall")
row("2:4", lambda: torch.sparse.to_sparse_semi_structured(torch.randn(64, 64).half()))


def pointer():
    """A file of text in the place of weights."""
    return io.BytesIO(POINTER)


def file_of(content):
    torch.save(content, file := io.BytesIO())
    file.seek(0)
    return file


row("smaller after", layer=a.big, then=lambda n: a.smaller(n.path, a.big().state_dict()))
row("size mismatch", lambda: a.linear().load_state_dict(a.narrow()), state=a.narrow)
row("load failed", lambda: torch.load(file_of(a.linear())))
row(
    '"0.scale", "',
    lambda: a.linear().load_state_dict(a.dynamic().state_dict()),
    model=a.linear,
    state=lambda: a.dynamic().state_dict(),
)
row("has 0 parameters", scripted=lambda: torch.jit.script(static(a.conv(), IMAGES)), then=lambda n: n.n_bytes > 0)
row(
    "invalid load key",
    lambda: torch.load(pointer(), weights_only=False),
    lambda: torch.load(pointer()),
    lambda: safetensors.torch.load(pointer().read()),
    path=lambda: [path := Path("pointer"), path.write_bytes(POINTER)][0],
)
row(
    "meta tensor",
    lambda: a.meta().to("cpu"),
    model=a.meta,
    state=lambda: a.linear().state_dict(),
    then=lambda n: n.model(X),
)
row("uninitialized", lambda: a.lazy()[0].weight.numel(), lambda: a.lazy()[0].weight.shape, model=a.lazy)
row("of a slice", weight=lambda: torch.randn(10_000, 10), then=lambda n: a.smaller(n.path, n.weight[:10]))
row("_orig_mod", lambda: nn.Linear(8, 8).load_state_dict(a.compiled().state_dict()), compiled=a.compiled)
row("share memory", lambda: save_file(a.tied().state_dict(), "none"), model=a.tied)
row("slower than float", int8=a.dynamic, model=a.linear)
row("GPU times")


def cut_late():
    how = dict(make_pruning_permanent=False, use_lottery_ticket_hypothesis=False)
    cut = ModelPruning("l1_unstructured", amount=lambda epoch: 0.95 * (epoch == 3), **how)
    model, best = Lit(), ModelCheckpoint(monitor="loss")
    fitted = a.trainer(callbacks=[cut, best])
    fitted.fit(model, LOADER, LOADER)
    return dict(model=model, loader=LOADER, best=best, trainer=fitted)


def pruned_by(callback):
    model = Lit()
    a.trainer(callbacks=[callback]).fit(model, LOADER)
    return a.zeros(model.net[0]) / 128


row("best checkpoint", world=cut_late, then=lambda n: n.scored > 1.1 * n.best.best_model_score)
row("far more", then=lambda n: pruned_by(ModelPruning("l1_unstructured", amount=0.5)) > 0.7 > pruned_by(n.callback))
row(
    "keyword argument 'monitor'",
    lambda: ModelPruning("l1_unstructured", amount=0.5, monitor="val_loss"),
    trainer=lambda: Names(callback_metrics={"val_loss": 0.05}),
    then=lambda n: pruned_by(n.callback) > 0.5,
)


def fit_with(*callbacks, model=Lit):
    return a.trainer(callbacks=list(callbacks)).fit(model(), LOADER, LOADER)


row(
    "Early stopping",
    lambda: fit_with(EarlyStopping("val_loss")),
    lambda: fit_with(ModelCheckpoint(monitor="val_loss")),
    then=lambda n: fit_with(
        EarlyStopping("val_loss"), model=type("Logs", (Lit,), {"validation_step": n.validation_step})
    ),
)
row("AMP with", lambda: a.trainer(precision="16-mixed"))
row("name 'Quant", lambda: exec("from lightning.pytorch.callbacks import QuantizationAwareTraining"))
IDS, CLASSES = torch.tensor([[1, 2], [3, 4]]), torch.tensor([0, 1])
row(
    "SequenceClassifierOutput",
    lambda: F.cross_entropy(a.bert()(IDS), CLASSES),
    model=a.bert,
    then=lambda n: F.cross_entropy(n.model(IDS), CLASSES) > 0,
)
row("mslk", lambda: quantize_(a.wide().bfloat16(), Int4WeightOnlyConfig()))
row(
    "cholesky", lambda: torch.linalg.cholesky(GRAM), hessian=GRAM.clone, then=lambda n: torch.linalg.cholesky(n.hessian)
)
row("I computed", model=a.falcon, ids=lambda: torch.arange(6)[None], then=lambda n: n.n_bytes == 2 * 2 * 1 * 8 * 4 * 6)
row("published one", world=lambda: dict(loss_per_token=2.0, n_tokens=10, n_bytes=40))
row(
    "nearly the same perplexity",
    original_logits=lambda: torch.tensor([[0.5, 0.3, 0.2]]).log(),
    quantized_logits=lambda: torch.tensor([[0.3, 0.5, 0.2]]).log(),
    then=lambda n: abs(n.divergence.item() - 0.1022) < 1e-4 and n.same_first_choice == 0,
)
row(
    "not require grad",
    lambda: a.through(a.linear(), use_reentrant=True),
    block=a.linear,
    then=lambda n: n.y.sum().backward(),
)
row("floating point and", lambda: nn.Parameter(CODES), codes=lambda: CODES)
row(
    "Speculative",
    world=lambda: dict(p=0.8, k=2, ms_token=1, ms_draft=0, ms_pass_of_draft=1),
    then=lambda n: round(n.gain, 2) == 2.44,
)
row("30B-A3B", bits=lambda: 4, then=lambda n: n.gb_in_memory == 15.25)


def outlier():
    """A token and a feature far larger than all others, and a model's answer to them."""
    x = torch.randn(64, 128)
    x[0, 3] = 2000
    return dict(x=x, model=a.wide())


def error_of_others(n):
    """Of all tokens but the large one: with the page's scales, and with one scale for all tokens."""
    right = F.linear(n.x, n.model[0].weight.dequantize(), n.model[0].bias)
    one_scale = (n.x / n.x.abs().max() * 127).round() * n.x.abs().max() / 127
    wrong = F.linear(one_scale, n.model[0].weight.dequantize(), n.model[0].bias)
    return [((y - right)[1:].norm() / right[1:].norm()).item() for y in (n.model(n.x), wrong)]


row("static int8", world=outlier, then=lambda n: error_of_others(n)[0] < 0.05 < 0.5 < error_of_others(n)[1])
