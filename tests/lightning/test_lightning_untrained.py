"""Both callbacks with parts that a fit does not train: teachers, losses, copies stay as they are, and are named."""

import copy
import warnings

import pytest
import torch
from _legacy import ignoring
from _quantized_fits import KNOWN, Regression, fakes, fit, loader, qat, rows, same, trainer
from lightning.pytorch.callbacks import ModelCheckpoint
from torch import nn
from torch.optim.swa_utils import AveragedModel

from course_utils.audit import audit
from course_utils.lightning import PruningSchedule

pytestmark = [*KNOWN, *ignoring(".*quantized.*'CPU' backend")]
CALLBACKS = {"pruning": lambda: PruningSchedule("l1_unstructured", {0: 0.5}), "quantization": qat}


class Distilled(Regression):
    """A student with a teacher: frozen at first or later, in no group of the optimizer, or used without gradients."""

    def __init__(self, how, seed=0):
        super().__init__(seed=seed)
        torch.manual_seed(1)
        self.how, self.wrong = how, []
        self.teacher = nn.Sequential(nn.Linear(8, 16), nn.LayerNorm(16), nn.ReLU(), nn.Linear(16, 1))
        self.teacher = self.teacher[0] if how == "layer" else self.teacher
        if how in ("frozen", "layer"):
            self.teacher.requires_grad_(False)

    def setup(self, stage):
        if self.how == "late":
            self.teacher.requires_grad_(False)

    def training_step(self, batch, index):
        with torch.no_grad():
            target = self.teacher(batch[0])
        self.wrong.append((target - self.plain(batch[0])).abs().max().item())
        return self.loss(self(batch[0]), target[:, :1])

    def configure_optimizers(self):
        student = [p for name, p in self.named_parameters() if self.how != "group" or "teacher" not in name]
        return torch.optim.Adam(student, lr=0.01)


def distilled(how, seed=0):
    model = Distilled(how, seed)
    object.__setattr__(model, "plain", copy.deepcopy(model.teacher))  # no part of the model
    return model


@pytest.mark.parametrize("how", ["frozen", "layer", "late", "group", "no_grad"])
@pytest.mark.parametrize("kind", CALLBACKS)
def test_what_the_fit_does_not_train_is_left_alone_and_named_once(tmp_path, kind, how):
    model, x = distilled(how), rows()[0]
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        fit(tmp_path, CALLBACKS[kind](), model)
    assert sum("teacher" in str(warning.message) for warning in said) == 1
    assert not any(model.wrong[how == "no_grad" :]), "without gradients is found out after the first batch"
    assert torch.equal(model.teacher(x), model.plain(x))
    assert same(model.teacher.state_dict(), model.plain.state_dict()) and not fakes(model)
    student = [getattr(model, f"layer_{i}") for i in (0, 1, 2, "end")]
    if kind == "pruning":
        total = sum(layer.weight.numel() for layer in student)
        assert sum((layer.weight == 0).sum() for layer in student) == total // 2
    else:
        assert audit(model, x).count("int8", "Linear") == 4


@pytest.mark.parametrize("kind", CALLBACKS)
def test_what_is_frozen_and_named_by_the_user_is_taken(tmp_path, kind):
    model, x = Regression(), rows()[0]
    model.layer_0.requires_grad_(False)
    if kind == "pruning":
        fit(tmp_path, PruningSchedule("l1_unstructured", {0: 0.5}, targets=["layer_0.weight"]), model)
        assert (model.layer_0.weight == 0).sum() == 64
    else:
        callback = qat()
        model.layer_0.qconfig = callback.qconfig
        fit(tmp_path, callback, model)
        assert audit(model, x).count("int8", "Linear") == 4


@pytest.mark.filterwarnings("ignore:this fit does not train layer_0")
def test_a_frozen_layer_that_int8_reaches_is_refused_with_the_way_to_round_it(tmp_path):
    model = Regression()
    model.layer_0.requires_grad_(False)
    with pytest.raises(
        RuntimeError, match=r"failed in layer_0 \(Linear\).*QuantStub.*only frozen, .*'layer_0'\).qconfig = callback"
    ):
        fit(tmp_path, qat(), model)


def test_a_model_of_which_nothing_is_trained_is_taken_whole(tmp_path):
    model = Regression()
    model.requires_grad_(False)
    assert len(fakes(qat().prepare(model))) == 9


@pytest.mark.filterwarnings("ignore:this fit does not train teacher")
def test_checkpoints_of_a_fit_that_left_a_part_alone_can_be_read(tmp_path):
    saver = ModelCheckpoint(tmp_path, filename="{epoch}", save_top_k=-1)
    whole = fit(tmp_path, qat(), distilled("group"), others=[saver], epochs=4)
    resumed = fit(tmp_path, qat(), distilled("group", 9), epochs=4, ckpt_path=tmp_path / "epoch=1.ckpt")
    assert torch.equal(whole(rows()[0]), resumed(rows()[0])) and not any(resumed.wrong)
    trainer(tmp_path, qat()).test(
        new := distilled("group"), loader(), ckpt_path=tmp_path / "epoch=1.ckpt", weights_only=True, verbose=False
    )
    assert type(new.teacher[0]) is nn.Linear and fakes(new)
    torch.save({**torch.load(tmp_path / "epoch=1.ckpt"), "state_dict": whole.state_dict()}, tmp_path / "int8.ckpt")
    new = distilled("group")
    trainer(tmp_path, qat()).test(new, loader(), ckpt_path=tmp_path / "int8.ckpt", weights_only=True, verbose=False)
    assert torch.equal(new(rows()[0]), whole(rows()[0]))


class Averaged(Regression):
    """With a copy of its first layer that follows it, made early or late."""

    def __init__(self, make, early=True):
        super().__init__()
        self.make = make
        if early:
            self.shadow = make(self.layer_0)

    def on_fit_start(self):
        if not hasattr(self, "shadow"):
            self.shadow = self.make(self.layer_0)

    def on_train_batch_end(self, *_):
        with torch.no_grad():
            for ours, theirs in zip(self.shadow.parameters(), self.layer_0.parameters(), strict=True):
                ours.lerp_(theirs, 0.5)


@pytest.mark.parametrize("early", [True, False])
@pytest.mark.parametrize("kind", CALLBACKS)
def test_an_averaged_model_inside_of_the_model_is_refused_by_name(tmp_path, kind, early):
    with pytest.raises(ValueError, match=r"^shadow \(AveragedModel\) does not go with .*StochasticWeightAveraging"):
        fit(tmp_path, CALLBACKS[kind](), Averaged(AveragedModel, early))


@pytest.mark.parametrize("kind", CALLBACKS)
def test_a_frozen_copy_follows_and_is_named(tmp_path, kind):
    model = Averaged(lambda layer: copy.deepcopy(layer).requires_grad_(False))
    with pytest.warns(UserWarning, match="shadow"):
        fit(tmp_path, CALLBACKS[kind](), model)
    assert type(model.shadow) is nn.Linear and (model.shadow.weight != 0).all()


def test_a_copy_that_no_gradient_reaches_is_not_cut_and_is_named(tmp_path):
    model = Averaged(copy.deepcopy)  # in a group of the optimizer
    with pytest.warns(UserWarning, match="no gradient has reached shadow.weight"):
        fit(tmp_path, CALLBACKS["pruning"](), model)
    assert (model.shadow.weight != 0).all() and (model.layer_0.weight == 0).any()


def test_experts_that_the_first_batch_does_not_reach_are_rounded(tmp_path):
    class Turns(Regression):
        def forward(self, x):
            first = self.layer_1 if self.training and self.trainer.global_step == 0 else self.layer_2
            return self.layer_end(first(self.layer_0(x)))

    callback = qat(quantize_on_fit_end=False)
    assert len(fakes(fit(tmp_path, callback, Turns()).layer_2)) == 2


def test_a_copy_that_no_batch_runs_through_is_not_rounded_where_it_is_evaluated(tmp_path):
    class Evaluated(Averaged):
        def validation_step(self, batch, index):
            plain = nn.functional.linear(batch[0], self.shadow.weight, self.shadow.bias)
            self.wrong = (self.shadow(batch[0]) - plain).abs().max().item()

    model = Evaluated(copy.deepcopy)
    with pytest.warns(UserWarning, match="ran through shadow: nothing rounds there"):
        fit(tmp_path, qat(quantize_on_fit_end=False), model, validate=loader())
    assert model.wrong == 0
