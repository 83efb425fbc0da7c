"""Code that a lesson shows in its text, and does not run itself, runs and gives what the text says."""

import re

import _course
import pytest
import torch
from torch import nn

from course_utils import legacy_int8

BLOCK = re.compile(r"^```python\n(.*?)^```", re.M | re.S)


def shown(name, words):
    """The one block of code in a lesson's text that has some words."""
    lesson = next(lesson for lesson in _course.LESSONS if lesson.name == name)
    texts = [cell.source for cell in _course.text(lesson).cells if cell.cell_type == "markdown"]
    (block,) = [block for text in texts for block in BLOCK.findall(text) if words in block]
    return block


@pytest.mark.slow
def test_the_two_layers_of_the_documentation_are_fused_by_a_loop_and_run_in_int8(tmp_path, monkeypatch, request):
    import lightning

    from course_utils.callbacks import QuantizationAwareTraining, garments, ignore_advice
    from course_utils.measure import int8_audit

    monkeypatch.chdir(tmp_path)  # the Trainer writes its log where it runs
    monkeypatch.setattr(torch.backends.quantized, "engine", legacy_int8.best())
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # two would wait for each other beside another test
    request.addfinalizer(lambda: torch.set_num_threads(threads))
    legacy_int8.ignore_deprecations()
    ignore_advice()
    rows, share = garments.load("train", 512)
    names = {
        "lightning": lightning,
        "nn": nn,
        "torch": torch,
        "QuantizationAwareTraining": QuantizationAwareTraining,
        "train": garments.batches(rows, share),
    }
    exec(shown("lightning_qat", "range(2)"), names)
    qmodel = names["qmodel"].eval()
    assert int8_audit.audit(qmodel, rows[:2]).count("int8") == 3
    assert isinstance(qmodel.layer_0a, nn.Identity) and isinstance(qmodel.layer_1a, nn.Identity)
