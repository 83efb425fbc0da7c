"""Data that is missing: downloaded once, verified, put in place in one step; without a network, a remedy in words."""

from __future__ import annotations

import json
import shutil
import urllib.error
from pathlib import Path

import pytest
import torch
import torchvision
from _damage import flip_a_pixel

from course_utils import data
from course_utils.data import files

TEST_IMAGES, TEST_LABELS = "t10k-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz"


@pytest.fixture
def folder(tmp_path):
    """A data folder of its own with the two small test files of MNIST."""
    (tmp_path / "mnist").mkdir()
    for file in (TEST_IMAGES, TEST_LABELS):
        shutil.copy(data.FOLDER / "mnist" / file, tmp_path / "mnist" / file)
    return tmp_path


def fake_torchvision(monkeypatch, *, source=None, fails=None):
    """Replace torchvision's MNIST by one that copies `source` or raises; returns the folders it got."""
    calls = []

    class MNIST:
        def __init__(self, root, *, download):
            assert download
            calls.append(Path(root))
            if fails:
                raise fails
            shutil.copytree(source, Path(root, "MNIST", "raw"))

    monkeypatch.setattr(torchvision.datasets, "MNIST", MNIST)
    return calls


def test_a_missing_file_is_downloaded_verified_and_put_in_place(folder, monkeypatch, capsys):
    small = folder / "source"
    shutil.copytree(folder / "mnist", small)
    monkeypatch.setattr(files, "_checksums", checksums_of_the_small_files)
    calls = fake_torchvision(monkeypatch, source=small)
    missing = folder / "mnist" / TEST_LABELS
    missing.unlink()
    images = folder / "mnist" / TEST_IMAGES
    before = images.stat().st_mtime_ns
    got = data.load("mnist", "test", n=9, folder=folder)
    expected = data.load("mnist", "test", n=9)
    assert torch.equal(got[0], expected[0]) and torch.equal(got[1], expected[1])
    assert calls[0].is_relative_to(folder) and not calls[0].exists()
    assert sorted(path.name for path in (folder / "mnist").iterdir()) == [TEST_IMAGES, TEST_LABELS]
    assert images.stat().st_mtime_ns == before
    said = capsys.readouterr().out
    assert f"{missing} is missing. Downloading MNIST" in said and "verified" in said


def checksums_of_the_small_files(of):
    every = json.loads((data.FOLDER / "checksums.json").read_text(encoding="utf-8"))
    return {"mnist": {name: digest for name, digest in every[f"sha256_of_{of}"]["mnist"].items() if "t10k" in name}}


def test_without_network_the_error_says_where_and_what_to_do(folder, monkeypatch):
    fake_torchvision(monkeypatch, fails=urllib.error.URLError("no route to host"))
    missing = folder / "mnist" / TEST_LABELS
    missing.unlink()
    with pytest.raises(data.DataError, match="is missing, .*no route to host") as caught:
        data.load("mnist", "test", n=1, folder=folder)
    assert str(missing) in str(caught.value)
    assert f"Copy data/mnist/{TEST_LABELS}" in caught.value.remedy and "network" in caught.value.remedy
    assert [path.name for path in (folder / "mnist").iterdir()] == [TEST_IMAGES]


def test_a_bad_download_is_not_put_in_place(folder, monkeypatch):
    shutil.copytree(folder / "mnist", folder / "source")
    flip_a_pixel(folder / "source" / TEST_LABELS)
    fake_torchvision(monkeypatch, source=folder / "source")
    (folder / "mnist" / TEST_LABELS).unlink()
    (folder / "mnist" / "train-images-idx3-ubyte.gz").write_bytes(b"there")
    (folder / "mnist" / "train-labels-idx1-ubyte.gz").write_bytes(b"there")
    with pytest.raises(data.DataError, match="the downloaded file is damaged: the checksum"):
        data.load("mnist", "test", n=1, folder=folder)
    assert not (folder / "mnist" / TEST_LABELS).exists()
    assert not list((folder / "mnist").glob(".download-*"))
