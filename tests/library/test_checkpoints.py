"""The shipped checkpoints are what their catalogue says, and a damaged one is named and never used."""

import hashlib
import json
import os
import re
import shutil

import pytest
import torch

from course_utils import checkpoints, files, models
from tools import checkpoints as tool

NAMES = (
    "char_transformer",
    "lenet_mnist",
    "small_cnn",
    "depthwise_cnn",
)  # one of each kind; the residual ones take long


@pytest.fixture(autouse=True)
def not_quick(monkeypatch):
    monkeypatch.delenv("COURSE_QUICK", raising=False)
    monkeypatch.setenv("COURSE_THREADS", "1")


@pytest.fixture
def folder(tmp_path):
    """A copy of the shipped folder."""
    return shutil.copytree(checkpoints.FOLDER, tmp_path / "checkpoints")


def rewrite(folder, name, **changes):
    """Change an entry of a catalogue."""
    path = folder / checkpoints.CATALOGUE
    entries = json.loads(path.read_text(encoding="utf-8"))
    entries[name].update(changes)
    path.write_text(json.dumps(entries), encoding="utf-8")


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_the_accuracy_is_the_one_in_the_catalogue(name):
    entry, recipe = checkpoints.catalogue()[name], tool.RECIPES[name]
    model = checkpoints.load(name, networks=recipe.networks)
    assert not model.training and next(model.parameters()).device.type == "cpu"
    accuracy = recipe.accuracy(model)
    # Another processor rounds otherwise, and another Python has other texts.
    assert accuracy == pytest.approx(entry.accuracy, abs=0.02 if recipe.task.startswith("source") else 0.001)
    assert accuracy >= recipe.least_accuracy


def test_a_changed_byte_and_a_missing_file_are_named(folder):
    path = folder / "small_cnn.pt"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    said = rf"small_cnn\.pt is damaged.*git checkout.*`{re.escape(files.command('checkpoints', 'small_cnn'))}`"
    with pytest.raises(checkpoints.CheckpointError, match=said):
        checkpoints.load("small_cnn", folder=folder)
    path.unlink()
    with pytest.raises(checkpoints.CheckpointError, match=r"small_cnn\.pt is missing"):
        checkpoints.load("small_cnn", folder=folder)


@pytest.mark.parametrize("text", [None, "[]"])
def test_a_bad_catalogue_is_named(folder, text):
    path = folder / checkpoints.CATALOGUE
    path.unlink() if text is None else path.write_text(text, encoding="utf-8")
    with pytest.raises(checkpoints.CheckpointError, match=r"catalogue\.json is missing or cannot be read"):
        checkpoints.load("small_cnn", folder=folder)


class Trap:
    """Something that makes a folder when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


def test_a_file_that_holds_code_is_refused_and_not_run(folder):
    """Not even for somebody who can write the catalogue as well."""
    path = folder / "small_cnn.pt"
    torch.save({"features": Trap(folder / "sprung")}, path)
    rewrite(folder, "small_cnn", sha256=hashlib.sha256(path.read_bytes()).hexdigest())
    with pytest.raises(checkpoints.CheckpointError, match="does not hold the tensors"):
        checkpoints.load("small_cnn", folder=folder)
    assert not (folder / "sprung").exists()


def test_what_is_written_is_read_back(tmp_path):
    torch.manual_seed(3)
    model = models.SmallCNN(40)
    size = tool.write("small_cnn", model, 0.5, tmp_path)
    again = checkpoints.load("small_cnn", folder=tmp_path)
    assert all(torch.equal(a, b) for a, b in zip(model.state_dict().values(), again.state_dict().values(), strict=True))
    assert size == (tmp_path / "small_cnn.pt").stat().st_size
    assert checkpoints.catalogue(tmp_path)["small_cnn"].accuracy == 0.5
    assert sorted(path.name for path in tmp_path.iterdir()) == ["catalogue.json", "small_cnn.pt"]
