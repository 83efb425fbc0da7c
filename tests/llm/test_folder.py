"""A folder with a model is opened as it was saved; a folder that is none is refused with what to do."""

import json
import pickle
import shutil
import subprocess
import sys

import pytest
import torch

from course_utils.files import ROOT
from course_utils.llm import _package, count, shapes
from course_utils.llm import folder as folders

TEXT = "a model writes"


@pytest.fixture(scope="module")
def one(saved):
    return saved()


@pytest.fixture
def copied(one, tmp_path):
    """A copy of a good folder, to be damaged."""
    return shutil.copytree(one, tmp_path / "copy")


@pytest.fixture(scope="module")
def in_shards(saved):
    return saved(tied=False, shard="20KB")


@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_saved_model_is_opened_with_its_tokenizer(saved, tied, dtype):
    opened = folders.open_folder(saved(tied=tied, dtype=dtype))
    assert opened.stored == dtype == opened.model.dtype and count.is_tied(opened.model) == tied
    ids = torch.tensor([opened.tokenizer(TEXT)["input_ids"]])
    assert opened.tokenizer.decode(ids[0]) == TEXT
    assert opened.model(ids).logits.shape == (1, ids.shape[1], 300)
    numbers = sum(p.numel() for p in opened.model.parameters())
    assert 0 < opened.file_bytes - numbers * dtype.itemsize < 10_000  # the head of the file
    assert not any(p.requires_grad for p in opened.model.parameters()) and not opened.model.training


def test_shards_give_the_same_model_as_one_file(saved, in_shards):
    files, _ = folders.inspect(in_shards)
    assert len(files) > 2
    whole = folders.open_folder(saved(tied=False)).model.state_dict()
    parts = folders.open_folder(in_shards).model.state_dict()
    assert whole.keys() == parts.keys() and all(torch.equal(whole[name], parts[name]) for name in whole)


def refusal(folder):
    with pytest.raises(folders.FolderError) as caught:
        folders.open_folder(folder)
    said = str(caught.value)
    assert str(folder) in said and said.endswith("."), said
    return said


def test_no_folder(tmp_path):
    assert "no folder" in refusal(tmp_path / "nowhere")
    assert "config.json" in refusal(tmp_path)


def test_a_missing_shard_is_named(in_shards, tmp_path):
    folder = shutil.copytree(in_shards, tmp_path / "copy")
    lost = sorted(folder.glob("*.safetensors"))[1]
    lost.unlink()
    said = refusal(folder)
    assert lost.name in said and "1 of" in said and "not finished" in said


@pytest.mark.parametrize("places", [None, {}, {"a": 3}, {"a": "../outside.safetensors"}])
def test_an_index_that_leads_nowhere(in_shards, tmp_path, places):
    folder = shutil.copytree(in_shards, tmp_path / "copy")
    (folder / folders.INDEX).write_text(json.dumps({"weight_map": places}), encoding="utf-8")
    assert ("outside" if places and "a" in places and places["a"] != 3 else "weight_map") in refusal(folder)


class Bomb:
    """What runs code when a pickle is read."""

    def __reduce__(self):
        return exec, ("raise SystemExit('the pickle was opened')",)


def test_pickled_weights_are_refused_and_not_opened(copied):
    (copied / folders.WEIGHTS).unlink()
    assert "weights are missing" in refusal(copied)
    (copied / "pytorch_model.bin").write_bytes(pickle.dumps(Bomb()))
    said = refusal(copied)
    assert "pytorch_model.bin" in said and "run any code" in said and "safetensors" in said


@pytest.mark.parametrize(
    ("dtype", "kind"), [(torch.int8, "I8"), (torch.float64, "F64"), (torch.float8_e4m3fn, "F8_E4M3")]
)
def test_weights_of_a_wrong_dtype(copied, dtype, kind):
    from safetensors.torch import save_file

    save_file({"model.norm.weight": torch.zeros(4).to(dtype)}, copied / folders.WEIGHTS)
    said = refusal(copied)
    assert kind in said and "model.norm.weight" in said and "float model" in said


def test_a_tokenizer_that_is_damaged_or_of_another_model(saved, copied):
    (copied / "tokenizer.json").write_text("{}", encoding="utf-8")
    assert "tokenizer cannot be read" in refusal(copied)
    small = saved(tokens=200)
    assert "different models" in refusal(small)


@pytest.mark.parametrize("end", [3, 40, -4])
def test_a_file_that_was_cut_off(copied, end):
    path = copied / folders.WEIGHTS
    path.write_bytes(path.read_bytes()[:end])
    assert "not downloaded to its end" in refusal(copied)


def test_a_pointer_of_git_lfs(copied):
    (copied / folders.WEIGHTS).write_bytes(folders.POINTER + b"/spec/v1\noid sha256:0\nsize 1\n")
    assert "git lfs pull" in refusal(copied)


def test_weights_that_the_architecture_wants_and_the_files_lack(copied):
    from safetensors.torch import load_file, save_file

    weights = load_file(copied / folders.WEIGHTS)
    del weights["model.layers.1.mlp.up_proj.weight"]
    save_file(weights, copied / folders.WEIGHTS, metadata={"format": "pt"})
    assert "up_proj" in refusal(copied)
    save_file({}, copied / folders.WEIGHTS, metadata={"format": "pt"})
    assert "hold no weight" in refusal(copied)


@pytest.mark.parametrize("name", ["config.json", "tokenizer_config.json"])
def test_code_that_a_folder_brings_is_refused(copied, name):
    changed(copied / name, auto_map={"AutoModelForCausalLM": "modeling.Own"})
    (copied / "modeling.py").write_text("raise SystemExit('code from the folder ran')", encoding="utf-8")
    said = refusal(copied)
    assert "auto_map" in said and name in said


def test_configs_that_do_not_serve(copied):
    changed(copied / "config.json", quantization_config={"bits": 4})
    assert "quantized already" in refusal(copied)
    changed(copied / "config.json", quantization_config=None, model_type="no_such_model")
    assert "cannot be built" in refusal(copied)
    changed(copied / "config.json", model_type=None)
    assert "model_type" in refusal(copied)
    for text in ("{", "[1]"):
        (copied / "config.json").write_text(text, encoding="utf-8")
        assert "config.json" in refusal(copied)


def changed(path, **entries):
    """Write entries into a JSON file; None takes one out."""
    content = json.loads(path.read_text(encoding="utf-8")) | entries
    path.write_text(json.dumps({k: v for k, v in content.items() if v is not None}), encoding="utf-8")


def test_no_network_is_asked(one):
    """A process in which every socket raises opens a folder all the same."""
    code = (
        "import socket, sys\n"
        "def refuse(*_, **__): raise SystemExit('a socket was opened')\n"
        "socket.socket.connect = socket.create_connection = socket.getaddrinfo = refuse\n"
        "from course_utils.llm import folder\n"
        "print(folder.open_folder(sys.argv[1]).model.config.model_type)\n"
    )
    done = subprocess.run([sys.executable, "-c", code, str(one)], cwd=ROOT, capture_output=True, encoding="utf-8")
    assert done.stdout.strip() == "llama", done.stderr


def test_a_missing_extra_is_one_sentence(one, monkeypatch):
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(_package.Missing) as caught:
        folders.open_folder(one)
    assert "transformers is not installed" in str(caught.value) and ".[llm]" in str(caught.value)
    assert caught.value._render_traceback_() == [str(caught.value)]
    for make in (shapes.random_model, shapes.empty_model):
        with pytest.raises(_package.Missing):
            make(shapes.SMOLLM2_135M)


def test_weights_of_other_shapes_are_told_from_a_damaged_file(copied):
    changed(copied / "config.json", hidden_size=32)
    said = refusal(copied)
    assert "other shapes than config.json describes" in said and "ignore_mismatched_sizes" not in said


def test_blocks_that_config_does_not_know_are_not_left_out_in_silence(copied):
    changed(copied / "config.json", num_hidden_layers=1)
    said = refusal(copied)
    assert "model.layers.1." in said and "different models" in said


def test_weights_that_are_no_numbers_are_refused(copied):
    from safetensors.torch import load_file, save_file

    file = next(copied.glob("*.safetensors"))
    tensors = load_file(file)
    name = min(tensors)
    tensors[name] = torch.full_like(tensors[name], float("nan"))
    save_file(tensors, file, metadata={"format": "pt"})
    said = refusal(copied)
    assert "no finite numbers" in said and "Download the folder again" in said
