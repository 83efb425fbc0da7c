"""The faults of Lightning's own pruning callback that ours is there for; and who may load Lightning."""

import ast
import subprocess
import sys

import pytest
import torch
from _pruned_fits import (
    KNOWN,
    ROOT,
    Ask,
    Regression,
    every_checkpoint,
    fit,
)
from lightning.pytorch.callbacks import ModelPruning

pytestmark = KNOWN


def upstream(**options):
    return ModelPruning("l1_unstructured", parameter_names=["weight"], amount=0.3, **options)


def test_upstream_rewinds_to_trained_weights_from_the_second_round_on(tmp_path):
    """Lightning 2.6.6. If this fails, the fault is gone: say so in `lightning_pruning` and `PruningSchedule`."""
    start, rounds = Regression().net[0].weight, Ask(lambda model: model.net[0].weight_orig.detach().clone())
    fit(tmp_path, upstream(use_lottery_ticket_hypothesis=True), rounds, epochs=3)
    assert torch.equal(rounds.answers[0], start)
    assert not torch.equal(rounds.answers[1], start) and not torch.equal(rounds.answers[2], start)


def test_upstream_cannot_resume_or_loses_its_masks(tmp_path):
    """Lightning 2.6.6. If this fails, the fault is gone: say so in `lightning_pruning` and `PruningSchedule`."""
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


def imported(path):
    """The modules that a file imports, wherever in it."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def test_only_the_callbacks_and_their_lesson_import_lightning():
    files = [*(ROOT / "course_utils").rglob("*.py"), *(ROOT / "lessons").rglob("*.py")]
    found = {
        path.relative_to(ROOT).as_posix()
        for path in files
        if any(name.startswith(("lightning", "course_utils.callbacks")) for name in imported(path))
    }
    assert found and all(
        name.startswith(("course_utils/callbacks/", "lessons/lightning_qat/", "lessons/lightning_pruning/"))
        for name in found
    )
    code = "import sys, course_utils; print('lightning' in sys.modules, 'torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    assert done.stdout.split() == ["False", "False"]
