"""The pruning callback: a fit that resumes prunes as one that did not stop, also with swapped layers."""

import pytest
import torch
from _pruned_fits import (
    KNOWN,
    WEIGHTS,
    Ask,
    Regression,
    Validated,
    every_checkpoint,
    fit,
    kept,
    loader,
    same,
    trainer,
    values,
)
from lightning.pytorch.callbacks import ModelCheckpoint

from course_utils.lightning import PruningSchedule, load_masked

pytestmark = KNOWN


CASES = {
    "random": ("random_unstructured", 0.2, {"make_permanent": False}),
    "structured": ("ln_structured", {1: 1, 3: 1}, {"norm": 2, "dim": 1}),
    "rewind": ("l1_unstructured", {1: 0.3, 3: 0.5, 5: 20}, {"rewind_to": 1}),
}


@pytest.mark.parametrize("case", CASES)
def test_a_fit_that_resumes_equals_one_that_did_not_stop(tmp_path, case):
    method, amount, options = CASES[case]
    whole = PruningSchedule(method, amount, **options)
    torch.manual_seed(5)
    model = every_checkpoint(tmp_path, whole)
    for epoch in (0, 3):
        torch.manual_seed(99)  # the seed is in the checkpoint too
        again, left, file = PruningSchedule(method, amount, **options), Ask(kept), tmp_path / f"epoch={epoch}.ckpt"
        resumed = fit(tmp_path, again, left, model=Regression(seed=1), epochs=6, ckpt=file)
        assert same(values(resumed), values(model)), epoch
        assert again.history == whole.history and resumed.seen == model.seen[2 * (epoch + 1) :]
        assert left.answers[-1] / 132 == whole.history[-1][1]


@pytest.mark.parametrize("moment", [{"save_on_train_epoch_end": False}, {"every_n_train_steps": 2}])
def test_no_pruning_is_lost_where_the_file_is_from_before_it(tmp_path, moment):
    """After validation, and after an epoch's last batch: Lightning does not come to the end of that epoch again."""

    def callback():
        return PruningSchedule("l1_unstructured", {1: 0.3, 3: 0.5}, rewind_to=0)

    whole, saver = callback(), ModelCheckpoint(tmp_path, filename="{epoch}-{step}", save_top_k=-1, **moment)
    model = fit(tmp_path, whole, saver, model=Validated(), epochs=6)
    for path in sorted(tmp_path.glob("*.ckpt"))[:4]:
        again = callback()
        resumed = fit(tmp_path, again, model=Validated(seed=1), epochs=6, ckpt=path)
        assert again.history == whole.history and same(values(resumed), values(model)), path.name


def test_masks_are_made_permanent_where_nothing_was_left_to_train(tmp_path):
    model = every_checkpoint(tmp_path, PruningSchedule("l1_unstructured", 0.2), epochs=2)
    again, file = PruningSchedule("l1_unstructured", 0.2), tmp_path / "epoch=1.ckpt"
    resumed = fit(tmp_path, again, model=Regression(seed=1), epochs=2, ckpt=file)
    assert same(values(resumed), values(model)) and not resumed.seen


def test_a_file_loads_with_weights_only_and_outside_of_a_trainer(tmp_path):
    callback = PruningSchedule("l1_unstructured", {0: 0.5}, rewind_to=0, make_permanent=False)
    model = every_checkpoint(tmp_path, callback, model=Validated(), epochs=2)
    state = torch.load(tmp_path / "epoch=1.ckpt", weights_only=True)["state_dict"]
    loaded, x = load_masked(Validated(seed=1), state), next(iter(loader()))[0]
    assert same(values(loaded), values(model)) and torch.equal(loaded.eval()(x), model.eval()(x))
    loaded.net[0].weight_orig.data.fill_(1.0)
    run = trainer(tmp_path, callback, epochs=2)  # a trainer of another task reads the file with the callback
    run.validate(loaded, loader(), ckpt_path=tmp_path / "epoch=1.ckpt", verbose=False, weights_only=True)
    assert same(values(loaded), values(model)) and callback.history == [(0, 0.5)], "and no history"


def test_two_schedules_in_one_trainer_resume_too(tmp_path):
    def pair():
        first = PruningSchedule("l1_unstructured", {0: 0.5, 2: 0.5}, targets=WEIGHTS[:1], rewind_to=0)
        return first, PruningSchedule("l1_unstructured", {1: 0.75, 2: 3}, targets=WEIGHTS[1:], rewind_to=0)

    whole, again, metrics = pair(), pair(), Ask(lambda model: dict(model.trainer.callback_metrics))
    model = every_checkpoint(tmp_path, *whole, metrics, epochs=4)
    assert metrics.answers[3]["pruning_sparsity_0"] == 0.75 and metrics.answers[3]["pruning_sparsity_1"] == 1 - 6 / 36
    resumed = fit(tmp_path, *again, model=Regression(seed=1), ckpt=tmp_path / "epoch=1.ckpt")
    assert same(values(resumed), values(model)) and again[1].history == [(1, 0.25), (2, 6 / 36)]
