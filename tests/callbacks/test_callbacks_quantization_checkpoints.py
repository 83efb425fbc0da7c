"""Quantization-aware training: a fit that resumes, and a finished model that is loaded elsewhere."""

import copy
import pickle
import subprocess
import sys

import pytest
import torch
from _quantized_fits import (
    ENGINE,
    KNOWN,
    PAIRS,
    ROOT,
    Convolutional,
    Regression,
    fakes,
    fit,
    fit_plain,
    loader,
    qat,
    quiet,  # noqa: F401 - a fixture for every test
    rows,
    same,
    simulated,
    trainer,
    wide,
)
from lightning.pytorch.callbacks import ModelCheckpoint

from course_utils.legacy_int8 import tq

pytestmark = KNOWN


class Resumable:
    """Batches that go on where a checkpoint stopped, as Lightning asks of a loader for that."""

    def __init__(self):
        self.batches, self.position = list(loader()), 0

    def __len__(self):
        return len(self.batches)

    def __iter__(self):
        self.position %= len(self.batches)
        while self.position < len(self.batches):
            self.position += 1
            yield self.batches[self.position - 1]

    def state_dict(self):
        return {"position": self.position}

    def load_state_dict(self, state):
        self.position = state["position"]


def checkpointed(path, callback, model, epochs, ckpt_path=None, **options):
    """A fit of four steps an epoch that saves after every second."""
    saver = ModelCheckpoint(path, filename="{step}", save_top_k=-1, every_n_train_steps=2)
    return fit(
        path,
        callback,
        model,
        others=[saver],
        epochs=epochs,
        ckpt_path=ckpt_path,
        enable_checkpointing=True,
        train=Resumable(),
        validate=wide(),
        **options,
    )


@pytest.mark.slow
@pytest.mark.parametrize("step", [2, 4, 6])  # within the first epoch, at its end, within the second
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"observer_type": "histogram"},
        {"collect_quantization": 3},
        {"collect_quantization": 5},
        {"modules_to_fuse": PAIRS},
    ],
    ids=["average", "histogram", "count 3", "count 5", "fused"],
)
def test_a_resumed_fit_is_bit_for_bit_the_uninterrupted_one(tmp_path, options, step):
    options = {"quantize_on_fit_end": False} | options
    whole = checkpointed(tmp_path / "whole", qat(**options), Regression(), epochs=3)
    checkpointed(tmp_path / "part", qat(**options), Regression(), epochs=2)
    resumed = checkpointed(
        tmp_path / "rest",
        qat(**options),
        Regression(seed=9),
        epochs=3,
        ckpt_path=tmp_path / "part" / f"step={step}.ckpt",
    )
    assert same(whole.state_dict(), resumed.state_dict())
    x = rows(seed=5)[0]
    assert torch.equal(qat(**options).quantize(whole)(x), qat(**options).quantize(resumed)(x))


def test_a_resumed_fit_with_batch_norm_fused_is_bit_for_bit_the_uninterrupted_one(tmp_path):
    images = torch.randn(64, 1, 6, 6, generator=torch.Generator().manual_seed(0))
    train = loader((images, images.mean((2, 3))), batch_size=16)

    def run(path, epochs, ckpt_path=None):
        callback = qat(modules_to_fuse=[("conv", "bn", "relu"), ("conv2", "bn2")])
        saver = ModelCheckpoint(path, filename="{epoch}", save_top_k=-1)
        return fit(
            path,
            callback,
            Convolutional(),
            others=[saver],
            train=train,
            epochs=epochs,
            ckpt_path=ckpt_path,
            enable_checkpointing=True,
        )

    whole = run(tmp_path / "whole", 3)
    run(tmp_path / "part", 2)
    resumed = run(tmp_path / "rest", 3, tmp_path / "part" / "epoch=0.ckpt")
    assert torch.equal(whole(images), resumed(images))
    assert torch.equal(whole.conv.weight().int_repr(), resumed.conv.weight().int_repr())


def test_every_checkpoint_loads_with_weights_only(tmp_path):
    callback = qat(collect_quantization=5)
    model = Regression()
    run = trainer(tmp_path, callback, ModelCheckpoint(tmp_path, filename="training"), enable_checkpointing=True)
    run.fit(model, loader())
    run.save_checkpoint(tmp_path / "finished.ckpt")
    training = torch.load(tmp_path / "training.ckpt", weights_only=True)
    finished = torch.load(tmp_path / "finished.ckpt", weights_only=True)
    assert training["callbacks"]["QuantizationAwareTraining"] == {"collected": 5}
    assert "quant.activation_post_process.scale" in training["state_dict"]
    assert finished["state_dict"]["layer_0._packed_params._packed_params"][0].dtype == torch.qint8


def test_a_checkpoint_of_the_training_can_be_read_and_converted(tmp_path):
    saver = ModelCheckpoint(tmp_path, filename="training")
    model = fit(tmp_path, qat(), others=[saver], enable_checkpointing=True)
    again = qat().prepare(Regression(seed=4))
    again.load_state_dict(torch.load(tmp_path / "training.ckpt", weights_only=True)["state_dict"])
    assert torch.equal(qat().quantize(again)(rows()[0]), model(rows()[0]))


@pytest.mark.parametrize("compatible", [True, False])
def test_a_trainer_reads_either_checkpoint_into_a_new_model(tmp_path, compatible):
    options, x = {"modules_to_fuse": PAIRS, "input_compatible": compatible}, rows()[0]
    saver, model = ModelCheckpoint(tmp_path, filename="training"), fit_plain(tmp_path, Regression(), epochs=6)
    run = trainer(tmp_path, qat(**options), saver, enable_checkpointing=True)
    run.fit(model, loader())
    run.save_checkpoint(tmp_path / "finished.ckpt")
    for name, is_fake in (("training", True), ("finished", False)):
        new = Regression(seed=5)
        (out,) = trainer(tmp_path, qat(**options)).predict(
            new, loader(batch_size=128), weights_only=True, ckpt_path=tmp_path / f"{name}.ckpt"
        )
        assert bool(fakes(new)) == is_fake and len(new._forward_pre_hooks) == (compatible and not is_fake)
        if is_fake:
            assert torch.equal(out, simulated(new, x))
            qat(**options).quantize(new)
        else:
            assert torch.equal(out, model(x if compatible else model.quant(x)))
        assert torch.equal(*[net(x if compatible else net.quant(x)) for net in (model, new)])


def test_a_checkpoint_of_another_kind_is_refused(tmp_path):
    callback, model = qat(), Regression()
    run = trainer(tmp_path, callback, ModelCheckpoint(tmp_path, filename="training"), enable_checkpointing=True)
    run.fit(model, loader())
    run.save_checkpoint(tmp_path / "finished.ckpt")
    with pytest.raises(ValueError, match="holds a model that is fake-quantized, and this Regression is int8: take a"):
        run.test(model, loader(), ckpt_path=tmp_path / "training.ckpt", weights_only=True)
    with pytest.raises(ValueError, match="holds a model that is int8, and this Regression is fake-quantized"):
        fit(tmp_path, callback, Regression(), ckpt_path=tmp_path / "finished.ckpt")


@pytest.mark.parametrize("stage", ["fit", "test"])
@pytest.mark.parametrize("kinds", [("average", "histogram"), ("histogram", "average")])
def test_a_checkpoint_of_other_observers_is_refused(tmp_path, kinds, stage):
    saver = ModelCheckpoint(tmp_path, filename="training")
    fit(tmp_path, qat(observer_type=kinds[0]), others=[saver], enable_checkpointing=True)
    sentence = f"was trained with observer_type='{kinds[0]}', and this model observes with observer_type='{kinds[1]}'"
    run = trainer(tmp_path, qat(observer_type=kinds[1]), epochs=3)
    with pytest.raises(ValueError, match=sentence):
        getattr(run, stage)(Regression(), loader(), ckpt_path=tmp_path / "training.ckpt", weights_only=True)
    own = tq.FixedQParamsFakeQuantize.with_args(
        observer=tq.FixedQParamsObserver.with_args(scale=8 / 255, zero_point=128, dtype=torch.quint8)
    )
    other = qat(qconfig=tq.QConfig(activation=own, weight=tq.default_weight_fake_quant)).prepare(Regression())
    with pytest.raises(ValueError, match="and this model observes with a QConfig of its own: make the callback with"):
        trainer(tmp_path, qat(), epochs=3).fit(other, loader(), ckpt_path=tmp_path / "training.ckpt", weights_only=True)


def test_the_best_model_of_a_fit_is_tested_as_the_docstring_says(tmp_path):
    callback, model, (x, y) = qat(), Regression(), rows()
    run = trainer(tmp_path, callback, ModelCheckpoint(tmp_path, monitor="val_loss"))
    run.fit(model, loader(), loader())
    with pytest.raises(ValueError, match="this Regression is int8: take a new float model"):
        run.test(dataloaders=loader(), ckpt_path="best", weights_only=True)
    best = Regression(seed=3)
    (fake,) = run.test(best, loader(), ckpt_path="best", weights_only=True, verbose=False)
    assert fakes(best) and fake["test_loss"] == pytest.approx(run.checkpoint_callback.best_model_score.item(), rel=1e-3)
    (int8,) = run.test(callback.quantize(best), loader(), verbose=False)
    assert not fakes(best) and int8["test_loss"] == pytest.approx((best(x) - y).square().mean().item(), rel=1e-3)


RELOAD = """
import sys, warnings
warnings.simplefilter("ignore")
import torch
torch.backends.quantized.engine = sys.argv[1]
sys.path[:0] = sys.argv[2:]
from test_callbacks_quantization import PAIRS, Regression, qat, rows
for name, groups, compatible in (("plain", None, True), ("fused", PAIRS, False)):
    model = qat(modules_to_fuse=groups, input_compatible=compatible).rebuild(Regression(seed=7))
    stored = torch.load(f"{name}.pt", weights_only=True)
    finished = torch.load(f"{name}.ckpt", weights_only=True)
    for state in (stored["state"], finished["state_dict"]):
        model.load_state_dict(state)
        x = rows(seed=2)[0]
        assert torch.equal(model(x) if compatible else model(model.quant(x)), stored["out"])
print("equal")
"""


@pytest.mark.slow
def test_the_finished_model_gives_equal_outputs_in_a_fresh_process(tmp_path):
    x = rows(seed=2)[0]
    for name, groups, compatible in (("plain", None, True), ("fused", PAIRS, False)):
        callback, model = qat(modules_to_fuse=groups, input_compatible=compatible), Regression()
        run = trainer(tmp_path, callback)
        run.fit(model, loader())
        out = model(x) if compatible else model(model.quant(x))
        torch.save({"state": model.state_dict(), "out": out}, tmp_path / f"{name}.pt")
        run.save_checkpoint(tmp_path / f"{name}.ckpt")
    answer = subprocess.run(
        [sys.executable, "-c", RELOAD, ENGINE, str(ROOT), str(ROOT / "tests"), str(ROOT / "tests" / "callbacks")],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=120,
    )
    assert answer.stdout.strip() == "equal", answer.stderr


def test_the_finished_model_can_be_copied_and_pickled(tmp_path):
    model, x = fit(tmp_path, qat()), rows()[0]
    model.trainer = None
    assert torch.equal(copy.deepcopy(model)(x), model(x))
    assert torch.equal(pickle.loads(pickle.dumps(model))(x), model(x))
