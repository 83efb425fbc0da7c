"""The page of the two callbacks: its examples run as they stand, and its tables name every argument."""

import inspect
import re

import torch
from _lightning import KNOWN

from course_utils.files import ROOT
from course_utils.lightning import PruningSchedule, QuantizationAwareTraining

pytestmark = KNOWN
PAGE = (ROOT / "docs" / "lightning.md").read_text(encoding="utf-8")
EXAMPLES = re.compile(r"^```python\n(.*?)^```", re.M | re.S)


def test_the_examples_run_in_order_and_give_what_the_page_says(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    space = {"__name__": "__main__"}
    for example in EXAMPLES.findall(PAGE):
        exec(example, space)
    assert [epoch for epoch, _ in space["pruning"].history] == [1, 3]
    assert abs(space["pruning"].history[-1][1] - 0.25) < 1e-3
    images, model = space["images"][:100], space["model"]
    assert model.layers[1].weight().dtype is torch.qint8
    assert torch.equal(space["shipped"](images), model(images))


def test_the_tables_name_the_arguments_in_their_order():
    rows = "\n".join(re.findall(r"^\| (`.*?) \|", PAGE, re.M))
    wanted = [
        name for kind in (PruningSchedule, QuantizationAwareTraining) for name in inspect.signature(kind).parameters
    ]
    assert re.findall(r"`(\w+)`", rows) == wanted
