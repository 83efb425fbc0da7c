"""Data: what the tensors hold, and that a damaged or missing file is named and never half-loaded."""

from __future__ import annotations

import hashlib
import re
import shutil
import sys

import pytest
import torch

from course_utils import data

TEST_IMAGES, TEST_LABELS = "t10k-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz"
TRAIN_IMAGES = "train-images-idx3-ubyte.xz"


@pytest.fixture
def folder(tmp_path):
    """A data folder of its own with the two small test files of MNIST."""
    (tmp_path / "mnist").mkdir()
    for file in (TEST_IMAGES, TEST_LABELS):
        shutil.copy(data.FOLDER / "mnist" / file, tmp_path / "mnist" / file)
    return tmp_path


def flip_a_bit(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize(
    ("name", "split", "images", "labels"),
    [
        ("fashion_mnist", "train", "c8e7985e4e6a3382", "e3245b63f7c40d1c"),
        ("fashion_mnist", "test", "0c0f08b9d95e81a9", "d51d859896c55775"),
        ("mnist", "train", "257f039238a0be15", "e474323ac02fc156"),
        ("mnist", "test", "bc9f8f501f39b3ca", "2fd8de6bdb8d1178"),
    ],
)
def test_the_tensors_have_the_bytes_that_every_published_notebook_was_run_with(name, split, images, labels):
    """The staleness of notebooks leans on this: data/images.py is not among the files that are watched."""
    loaded = data.load(name, split)
    assert [hashlib.sha256(tensor.numpy().tobytes()).hexdigest()[:16] for tensor in loaded] == [images, labels]
    assert [tensor.dtype for tensor in loaded] == [torch.float32, torch.int64]
    assert loaded[0].shape == (60_000 if split == "train" else 10_000, 1, 28, 28)


def test_callers_do_not_share_tensors():
    first, second = data.load("mnist", "test", n=2), data.load("mnist", "test", n=2)
    first[0].zero_(), first[1].zero_()
    again = data.load("mnist", "test", n=2)
    assert second[0].any() and torch.equal(again[0], second[0]) and torch.equal(again[1], second[1])


@pytest.mark.parametrize(
    "arguments, said",
    [
        (dict(name="cifar"), "'fashion_mnist', 'mnist'"),
        (dict(name="mnist", split="valid"), "'train', 'test'"),
        (dict(name="mnist", n=2.5), "whole number"),
    ],
)
def test_a_wrong_request_is_told_what_is_allowed(arguments, said):
    with pytest.raises(ValueError, match=re.escape(said)):
        data.load(**arguments)


@pytest.mark.parametrize(("spoil", "said"), [(flip_a_bit, "is damaged"), (lambda path: path.unlink(), "is missing")])
def test_a_file_that_is_damaged_or_missing_is_named_with_remedy_and_left_as_it_is(folder, spoil, said):
    path = folder / "mnist" / TEST_IMAGES
    spoil(path)
    before = path.read_bytes() if path.is_file() else None
    with pytest.raises(data.DataError, match=re.escape(said)) as caught:
        data.load("mnist", "test", n=1, folder=folder)
    assert str(path) in str(caught.value)
    assert f"data/mnist/{TEST_IMAGES} of the course" in caught.value.remedy
    assert (path.read_bytes() if path.is_file() else None) == before


def test_a_python_without_lzma_is_told_which_one_has_it(monkeypatch, folder):
    monkeypatch.setitem(sys.modules, "lzma", None)
    with pytest.raises(data.DataError, match="this Python has no module lzma") as caught:
        data.load("mnist", n=1)
    assert TRAIN_IMAGES in str(caught.value) and "liblzma-dev" in caught.value.remedy
    assert [problem.name for problem in data.verify() if "python.org" in problem.remedy] == [
        f"fashion_mnist/{TRAIN_IMAGES}",
        f"mnist/{TRAIN_IMAGES}",
    ]
    assert len(data.load("mnist", "test", n=1, folder=folder)[0]) == 1


def test_verify_reports_each_bad_file(folder):
    flip_a_bit(folder / "mnist" / TEST_IMAGES)
    problems = {problem.name: problem for problem in data.verify(folder)}
    expected = {f"{name}/{path.name}" for name in data.CLASSES for path in (data.FOLDER / name).glob("*idx?-ubyte.*")}
    assert len(expected) == 8 and set(problems) == expected - {f"mnist/{TEST_LABELS}"}
    bad = problems.pop(f"mnist/{TEST_IMAGES}")
    assert "checksum" in bad.message and str(folder / "mnist" / TEST_IMAGES) in bad.message
    assert all("is missing" in problem.message and problem.remedy for problem in problems.values())
    assert data.verify() == [], "the course's own files are good"
