"""Code that a lesson shows in its text, and does not run itself, runs and gives what the text says."""

import re

import _course
import pytest
from torch import nn

<<<<<<< HEAD
from course_utils import legacy_int8
=======
from course_utils import data, models
>>>>>>> w_lightning_qat

BLOCK = re.compile(r"^```python\n(.*?)^```", re.M | re.S)


def shown(name, words):
    """The one block of code in a lesson's text that has some words."""
    lesson = next(lesson for lesson in _course.LESSONS if lesson.name == name)
    texts = [cell.source for cell in _course.text(lesson).cells if cell.cell_type == "markdown"]
    (block,) = [block for text in texts for block in BLOCK.findall(text) if words in block]
    return block


<<<<<<< HEAD
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
=======
def test_an_image_of_28_pixels_and_a_border_go_through_the_lenet_with_5_by_5_kernels():
    names = {"nn": nn, "models": models, "test_images": data.load("mnist", "test", n=2)[0]}
    *lines, last = shown("prune_model", "kernel=5").strip().splitlines()
    exec("\n".join(lines), names)
    call, _, said = last.partition("  # ")
    assert names["digit"].shape == (1, 1, 32, 32) and str(eval(call, names)) == said
    with pytest.raises(ValueError, match="takes images of shape"):
        models.LeNet(kernel=5)(names["test_images"])
>>>>>>> w_lightning_qat
