"""Which batches and which stages of a Trainer the observers of quantization-aware training see."""

import pytest
import torch
from _quantized_fits import (
    KNOWN,
    PAIRS,
    Regression,
    fakes,
    fit,
    fit_plain,
    loader,
    qat,
    quiet,  # noqa: F401 - a fixture for every test
    ranges,
    rows,
    same,
    simulated,
    trainer,
    wide,
)
from lightning.pytorch import Callback

from course_utils.measure.int8_audit import audit

pytestmark = KNOWN


class Watch(Callback):
    """Notes, for each training batch, whether observers and rounding were on; and ranges around other stages."""

    def __init__(self):
        self.batches, self.rounding = [], []

    def on_before_zero_grad(self, trainer, pl_module, optimizer):
        on = {(bool(fake.observer_enabled), bool(fake.fake_quant_enabled)) for fake in fakes(pl_module)}
        assert len(on) == 1
        self.batches.append(next(iter(on))[0])
        self.rounding.append(next(iter(on))[1])


def last_epoch(trainer):
    return trainer.current_epoch == trainer.max_epochs - 1


@pytest.mark.parametrize(
    ("collect", "seen"),
    [
        (None, [1] * 8),
        (1, [1] + [0] * 7),
        (6, [1] * 6 + [0] * 2),
        (100, [1] * 8),
        (last_epoch, [0] * 4 + [1] * 4),
        (lambda trainer: trainer.global_step % 2 == 1, [0, 1] * 4),
    ],
    ids=["None", "1", "6", "100", "last", "odd"],
)
def test_collect_quantization(tmp_path, collect, seen):
    watch = Watch()
    model = fit(tmp_path, qat(collect_quantization=collect), others=[watch])
    assert watch.batches == [bool(s) for s in seen]
    first = seen.index(1)
    assert watch.rounding == [False] * first + [True] * (8 - first), "float before the first, rounded ever after"
    assert audit(model, rows()[0]).count("int8", "Linear") == 4


def test_until_the_first_collected_batch_training_is_that_of_a_float_model(tmp_path):
    model, plain = Regression(), Regression()
    with pytest.raises(RuntimeError, match="the observers saw no batch"):
        fit(tmp_path, qat(collect_quantization=lambda trainer: False), model, epochs=1)
    assert torch.equal(model.layer_1.weight, fit_plain(tmp_path, plain, epochs=1).layer_1.weight)


def test_a_count_begins_anew_with_each_fit(tmp_path):
    callback, watch = qat(collect_quantization=3), Watch()
    for _ in range(2):
        fit(tmp_path, callback, others=[watch], epochs=1)
    assert watch.batches == [True, True, True, False] * 2


class Stages(Callback):
    """The ranges before and after each validation, the sanity check apart."""

    def __init__(self):
        self.before, self.unchanged = {}, {"sanity": [], "validate": []}

    def on_validation_start(self, trainer, pl_module):
        self.before = ranges(pl_module)

    def on_validation_end(self, trainer, pl_module):
        self.unchanged["sanity" if trainer.sanity_checking else "validate"].append(same(self.before, ranges(pl_module)))


@pytest.mark.parametrize("observer", ["average", pytest.param("histogram", marks=pytest.mark.slow)])
@pytest.mark.parametrize("stages", [("train",), ("train", "validate"), ("validate",)])
def test_validation_and_the_sanity_check_change_no_observer_unless_enabled(tmp_path, observer, stages):
    watch = Stages()
    model = fit(
        tmp_path,
        qat(observer_type=observer, observer_enabled_stages=stages),
        others=[watch],
        validate=wide(),
        val_check_interval=2,
        num_sanity_val_steps=2,
    )
    assert watch.unchanged["sanity"] == [True], "the sanity check never changes one"
    assert watch.unchanged["validate"] == ["validate" not in stages] * 4
    assert audit(model, rows()[0]).count("int8", "Linear") == 4


def test_the_sanity_check_runs_in_float_before_anything_is_known(tmp_path):
    class Sanity(Regression):
        def validation_step(self, batch, index):
            if self.trainer.sanity_checking:
                seen.append(self(batch[0]))

    seen, model = [], Sanity()
    expected = model(wide().dataset.tensors[0][:32])
    fit(tmp_path, qat(), model, validate=wide(), num_sanity_val_steps=1)
    assert torch.equal(seen[0], expected)


@pytest.mark.parametrize("enabled", [False, True])
@pytest.mark.parametrize("stage", ["validate", "test", "predict"])
def test_test_and_predict_change_no_observer_unless_enabled(tmp_path, stage, enabled):
    callback = qat(quantize_on_fit_end=False, observer_enabled_stages=("train", stage) if enabled else ("train",))
    model = fit(tmp_path, callback)
    before = ranges(model)
    run = trainer(tmp_path, callback)
    run.predict(model, wide()) if stage == "predict" else getattr(run, stage)(model, wide(), verbose=False)
    assert same(before, ranges(model)) == (not enabled)
    before = ranges(model)
    model(100 * rows()[0])
    assert same(before, ranges(model)), "outside of a trainer no observer looks"


def test_a_trainer_evaluates_what_was_trained(tmp_path):
    callback = qat(quantize_on_fit_end=False)
    model = fit(tmp_path, callback, fit_plain(tmp_path, Regression(), epochs=6))
    (out,) = trainer(tmp_path, callback).predict(model, loader(batch_size=128))
    assert torch.equal(out, simulated(model, rows()[0])), "inputs are quantized there as in the fit"
    assert not torch.equal(out, model(rows()[0]))


def test_preparing_keeps_the_mode_of_each_part():
    model = Regression()
    model.layer_1.eval()
    qat(modules_to_fuse=PAIRS).prepare(model)
    assert not model.layer_1.training and model.layer_0.training and model.training
