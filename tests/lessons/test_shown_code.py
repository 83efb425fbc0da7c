"""Code that a lesson shows in its text, and does not run itself, runs and gives what the text says."""

import re

import _course
import pytest
from torch import nn

from course_utils import data, models

BLOCK = re.compile(r"^```python\n(.*?)^```", re.M | re.S)


def shown(name, words):
    """The one block of code in a lesson's text that has some words."""
    lesson = next(lesson for lesson in _course.LESSONS if lesson.name == name)
    texts = [cell.source for cell in _course.text(lesson).cells if cell.cell_type == "markdown"]
    (block,) = [block for text in texts for block in BLOCK.findall(text) if words in block]
    return block


def test_an_image_of_28_pixels_and_a_border_go_through_the_lenet_with_5_by_5_kernels():
    names = {"nn": nn, "models": models, "test_images": data.load("mnist", "test", n=2)[0]}
    *lines, last = shown("prune_model", "kernel=5").strip().splitlines()
    exec("\n".join(lines), names)
    call, _, said = last.partition("  # ")
    assert names["digit"].shape == (1, 1, 32, 32) and str(eval(call, names)) == said
    with pytest.raises(ValueError, match="takes images of shape"):
        models.LeNet(kernel=5)(names["test_images"])
