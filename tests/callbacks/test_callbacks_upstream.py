"""The faults of Lightning 2.6.6's own pruning callback that ours is there for, and that `lightning_pruning` tells of.

If one of these fails, the fault is gone: say so in that lesson and in `PruningSchedule`.
"""

import pytest
import torch
from _pruned_fits import KNOWN, Ask, Regression, every_checkpoint, fit
from lightning.pytorch.callbacks import ModelPruning

pytestmark = KNOWN


def upstream(**options):
    return ModelPruning("l1_unstructured", parameter_names=["weight"], amount=0.3, **options)


def test_upstream_rewinds_to_trained_weights_from_the_second_round_on(tmp_path):
    start, rounds = Regression().net[0].weight, Ask(lambda model: model.net[0].weight_orig.detach().clone())
    fit(tmp_path, upstream(use_lottery_ticket_hypothesis=True), rounds, epochs=3)
    assert torch.equal(rounds.answers[0], start)
    assert not torch.equal(rounds.answers[1], start) and not torch.equal(rounds.answers[2], start)


def test_upstream_cannot_resume_or_loses_its_masks(tmp_path):
    options = {"use_lottery_ticket_hypothesis": False}
    every_checkpoint(tmp_path / "a", upstream(make_pruning_permanent=False, **options), epochs=2)
    with pytest.raises(RuntimeError, match="net.0.weight_mask"):
        fit(tmp_path, upstream(make_pruning_permanent=False, **options), ckpt=tmp_path / "a" / "epoch=1.ckpt")

    def found():
        return Ask(lambda model: int((model.net[0].weight == 0).sum()))

    idle = {"apply_pruning": lambda epoch: epoch < 2}
    whole, resumed = found(), found()
    every_checkpoint(tmp_path / "b", upstream(**idle, **options), whole, epochs=3)
    fit(tmp_path, upstream(**idle, **options), resumed, epochs=3, ckpt=tmp_path / "b" / "epoch=1.ckpt")
    assert resumed.answers[-1] < whole.answers[-1] / 2
