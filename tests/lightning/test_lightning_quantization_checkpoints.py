"""Quantization-aware training: a fit that resumes, and a finished model that is loaded elsewhere."""

import copy
import pickle

import pytest
import torch
from _quantized_fits import (
    KNOWN,
    PAIRS,
    Convolutional,
    Regression,
    fakes,
    fit,
    fit_plain,
    loader,
    qat,
    rows,
    same,
    simulated,
    trainer,
)
from lightning.pytorch.callbacks import ModelCheckpoint

pytestmark = KNOWN
IMAGES = torch.randn(128, 1, 6, 6, generator=torch.Generator().manual_seed(0))


class Resumable:
    """Batches that go on where a checkpoint stopped, as Lightning asks of a loader for that."""

    def __init__(self, tensors):
        self.batches, self.position = list(loader(tensors)), 0

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


@pytest.mark.parametrize(
    ("step", "options"),  # within the first epoch of four steps, at its end, within the second
    [
        (2, {"observer_type": "histogram"}),
        (4, {"collect_quantization": 5}),
        (6, {"modules_to_fuse": [("conv", "bn", "relu"), ("conv2", "bn2")]}),
    ],
    ids=["histogram", "count", "batch norm"],
)
def test_a_resumed_fit_is_bit_for_bit_the_uninterrupted_one(tmp_path, step, options):
    images = "conv" in str(options)
    tensors = (IMAGES, IMAGES.mean((2, 3))) if images else rows()

    def run(*others, ckpt_path=None):
        model = Convolutional() if images else Regression(seed=9 if ckpt_path else 0)
        callback = qat(quantize_on_fit_end=False, **options)
        given = {"train": Resumable(tensors), "validate": loader(tensors), "ckpt_path": ckpt_path}
        return fit(tmp_path, callback, model, others=others, epochs=3, **given)

    whole = run(ModelCheckpoint(tmp_path, filename="{step}", save_top_k=-1, every_n_train_steps=2))
    resumed = run(ckpt_path=tmp_path / f"step={step}.ckpt")
    assert same(whole.state_dict(), resumed.state_dict())
    assert torch.equal(*(qat(**options).quantize(model)(tensors[0]) for model in (whole, resumed)))


def test_a_trainer_reads_either_checkpoint_into_a_new_model(tmp_path):
    options, x = {"modules_to_fuse": PAIRS}, rows()[0]
    saver, model = ModelCheckpoint(tmp_path, filename="training"), fit_plain(tmp_path, Regression(), epochs=6)
    run = trainer(tmp_path, qat(**options), saver)
    run.fit(model, loader())
    run.save_checkpoint(tmp_path / "finished.ckpt")
    for name, is_fake in (("training", True), ("finished", False)):
        new = Regression(seed=5)
        (out,) = trainer(tmp_path, qat(**options)).predict(
            new, loader(batch_size=128), weights_only=True, ckpt_path=tmp_path / f"{name}.ckpt"
        )
        assert bool(fakes(new)) == is_fake and len(new._forward_pre_hooks) == (not is_fake)
        if is_fake:
            assert torch.equal(out, simulated(new, x))
            qat(**options).quantize(new)
        else:
            assert torch.equal(out, model(x))
        assert torch.equal(model(x), new(x))


def test_a_checkpoint_can_be_read_and_converted_without_a_trainer(tmp_path):
    saver, x = ModelCheckpoint(tmp_path, filename="training"), rows()[0]
    model = fit(tmp_path, qat(collect_quantization=5), others=[saver])
    training = torch.load(tmp_path / "training.ckpt", weights_only=True)
    assert training["callbacks"]["QuantizationAwareTraining"] == {"collected": 5}
    again = qat().prepare(Regression(seed=4))
    again.load_state_dict(training["state_dict"])
    finished = qat().rebuild(Regression(seed=7))
    finished.load_state_dict(model.state_dict())
    model.trainer = None
    copies = [qat().quantize(again), finished, copy.deepcopy(model), pickle.loads(pickle.dumps(model))]
    assert all(torch.equal(found(x), model(x)) for found in copies)


def test_a_checkpoint_of_another_kind_is_refused(tmp_path):
    callback, model = qat(), Regression()
    run = trainer(tmp_path, callback, ModelCheckpoint(tmp_path, filename="training"))
    run.fit(model, loader())
    run.save_checkpoint(tmp_path / "finished.ckpt")
    with pytest.raises(ValueError, match="holds a model that is fake-quantized, and this Regression is int8: take a"):
        run.test(model, loader(), ckpt_path=tmp_path / "training.ckpt", weights_only=True)
    with pytest.raises(ValueError, match="holds a model that is int8, and this Regression is fake-quantized"):
        fit(tmp_path, callback, Regression(), ckpt_path=tmp_path / "finished.ckpt")
