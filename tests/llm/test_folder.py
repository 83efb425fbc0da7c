"""A folder with a model is opened as it was saved; a folder that is none is refused with what to do."""

import json
import pickle
import shutil
import sys

import pytest
import torch

from lessons.real_model.llm import _package, count, shapes
from lessons.real_model.llm import folder as folders

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


def test_a_missing_shard_is_named(in_shards, tmp_path):
    folder = shutil.copytree(in_shards, tmp_path / "copy")
    lost = sorted(folder.glob("*.safetensors"))[1]
    lost.unlink()
    said = refusal(folder)
    assert lost.name in said and "1 of" in said and "not finished" in said


class Bomb:
    """What runs code when a pickle is read."""

    def __reduce__(self):
        return exec, ("raise SystemExit('the pickle was opened')",)


def changed(path, **entries):
    """Write entries into a JSON file; None takes one out."""
    content = json.loads(path.read_text(encoding="utf-8")) | entries
    path.write_text(json.dumps({k: v for k, v in content.items() if v is not None}), encoding="utf-8")


def config(**entries):
    return lambda folder: changed(folder / "config.json", **entries)


def weights(change):
    """A damage: the tensors of the file, changed in place by a function."""

    def damage(folder):
        from safetensors.torch import load_file, save_file

        tensors = load_file(folder / folders.WEIGHTS)
        change(tensors)
        save_file(tensors, folder / folders.WEIGHTS, metadata={"format": "pt"})

    return damage


def file(name, content):
    return lambda folder: (folder / name).write_bytes(content)


def cut_off(folder):
    path = folder / folders.WEIGHTS
    path.write_bytes(path.read_bytes()[:-4])


DAMAGE = {
    "no config": (lambda folder: (folder / "config.json").unlink(), ["config.json"]),
    "config is no JSON": (file("config.json", b"{"), ["config.json"]),
    "quantized already": (config(quantization_config={"bits": 4}), ["quantized already"]),
    "unknown architecture": (config(model_type="no_such_model"), ["cannot be built"]),
    "no architecture": (config(model_type=None), ["model_type"]),
    "code of its own": (config(auto_map={"AutoModelForCausalLM": "modeling.Own"}), ["auto_map", "config.json"]),
    "other shapes": (config(hidden_size=32), ["other shapes than config.json describes"]),
    "blocks left over": (config(num_hidden_layers=1), ["model.layers.1.", "different models"]),
    "no weights": (lambda folder: (folder / folders.WEIGHTS).unlink(), ["weights are missing"]),
    "a weight lacks": (weights(lambda held: held.pop("model.layers.1.mlp.up_proj.weight")), ["up_proj"]),
    "no weight at all": (weights(dict.clear), ["hold no weight"]),
    "no numbers": (
        weights(lambda held: held[min(held)].fill_(float("nan"))),
        ["no finite numbers"],
    ),
    "wrong dtype": (
        weights(lambda held: held.update({"model.norm.weight": torch.zeros(16, dtype=torch.int8)})),
        ["I8", "model.norm.weight", "float model"],
    ),
    "cut off": (cut_off, ["not downloaded to its end"]),
    "pointer of git lfs": (file(folders.WEIGHTS, folders.POINTER + b"/spec/v1\noid sha256:0\n"), ["git lfs pull"]),
    "tokenizer is damaged": (file("tokenizer.json", b"{}"), ["tokenizer cannot be read"]),
    "no tokenizer": (lambda folder: (folder / "tokenizer.json").unlink(), ["no tokenizer.json"]),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_folder_that_does_not_serve_is_refused_with_what_is_wrong(copied, damage):
    spoil, words = DAMAGE[damage]
    spoil(copied)
    said = refusal(copied)
    assert all(word in said for word in words), said


def adapter(folder):
    (folder / folders.WEIGHTS).rename(folder / "adapter_model.safetensors")
    file("adapter_config.json", b'{"base_model_name_or_path": "hub/base"}')(folder)


def renamed(*names):
    return lambda folder: (folder / names[0]).rename(folder / names[1])


def in_snapshots(folder):
    inner = folder / "snapshots" / "0a1b"
    inner.mkdir(parents=True)
    renamed("config.json", inner / "config.json")(folder)


NO_DAMAGE = {
    "adapter": (adapter, ["adapter (LoRA) for hub/base", "merge_and_unload"]),
    "half precision": (renamed(folders.WEIGHTS, "model.fp16.safetensors"), ["model.fp16.safetensors", "Rename"]),
    "its shards": (
        renamed(folders.WEIGHTS, "model.safetensors.index.fp16.json"),
        [f"to {folders.INDEX}"],
    ),
    "another form": (renamed(folders.WEIGHTS, "consolidated.safetensors"), ["consolidated.safetensors"]),
    "cache of the hub": (in_snapshots, ["snapshots", "0a1b", "Give that path"]),
    "classifier": (
        config(architectures=["LlamaForSequenceClassification"]),
        ["SequenceClassification"],
    ),
    "encoder with decoder": (config(model_type="t5"), ["no causal model"]),
}


@pytest.mark.parametrize("kind", NO_DAMAGE)
def test_what_is_another_thing_is_not_called_a_broken_download(copied, kind):
    change, words = NO_DAMAGE[kind]
    change(copied)
    said = refusal(copied)
    assert all(word in said for word in words) and "ownload" not in said, said


@pytest.mark.parametrize("name", ["BertModel", "BertForMaskedLM", "BertLMHeadModel"])
def test_an_encoder_is_refused_though_its_weights_would_fit(copied, name):
    import transformers

    settings = {"vocab_size": 300, "hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2}
    getattr(transformers, name)(transformers.BertConfig(**settings, intermediate_size=32)).save_pretrained(copied)
    assert f"weights of {name}" in refusal(copied)


def test_no_folder_and_a_tokenizer_of_another_model(saved, tmp_path):
    assert "no folder" in refusal(tmp_path / "nowhere")
    assert "different models" in refusal(saved(tokens=200))


@pytest.mark.parametrize(("places", "word"), [({}, "weight_map"), ({"a": "../outside.safetensors"}, "outside")])
def test_an_index_that_leads_nowhere(in_shards, tmp_path, places, word):
    folder = shutil.copytree(in_shards, tmp_path / "copy")
    (folder / folders.INDEX).write_text(json.dumps({"weight_map": places}), encoding="utf-8")
    assert word in refusal(folder)


def test_pickled_weights_are_refused_and_not_opened(copied):
    (copied / folders.WEIGHTS).unlink()
    (copied / "pytorch_model.bin").write_bytes(pickle.dumps(Bomb()))
    said = refusal(copied)
    assert "pytorch_model.bin" in said and "run any code" in said and "safetensors" in said


def test_a_missing_extra_is_one_sentence(one, monkeypatch):
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(_package.Missing) as caught:
        folders.open_folder(one)
    assert "transformers is not installed" in str(caught.value) and ".[llm]" in str(caught.value)
    assert caught.value._render_traceback_() == [str(caught.value)]
    for make in (shapes.random_model, shapes.empty_model):
        with pytest.raises(_package.Missing):
            make(shapes.SMOLLM2_135M)
