"""The two real models, where they could be fetched, and their stand-ins, with which every notebook is tried."""

import gguf
import numpy as np
import pytest
import torch

from course_utils import real_models


@pytest.fixture
def stand_ins(monkeypatch):
    monkeypatch.setenv("COURSE_MODELS", "stand-in")


def needs(name):
    model = real_models.MODELS[name]
    return pytest.mark.skipif(
        not real_models.available(name), reason=f"{model.title} is not there: no package index could be reached"
    )


def answer(model, tokenizer, question, n):
    chat = [{"role": "user", "content": question}]
    ids = tokenizer.apply_chat_template(chat, add_generation_prompt=True, return_tensors="pt", return_dict=True)
    out = model.generate(**ids, max_new_tokens=n, do_sample=False)
    return tokenizer.decode(out[0, ids["input_ids"].shape[1] :], skip_special_tokens=True)


def rounded(weight, bits=4, group=32):
    """As lesson 7.6 rounds: groups of neighbours, even levels between the smallest and the largest."""
    part = weight.reshape(-1, group)
    low, high = part.amin(1, keepdim=True), part.amax(1, keepdim=True)
    step = (high - low) / (2**bits - 1)
    return (torch.round((part - low) / step) * step + low).reshape(weight.shape)


def is_as_a_lesson_wants_it(model):
    assert not model.training and {p.dtype for p in model.parameters()} == {torch.float32}
    assert not any(p.requires_grad for p in model.parameters())
    assert model.lm_head.weight is model.model.embed_tokens.weight
    matrix = model.model.layers[1].mlp.down_proj.weight
    torch.testing.assert_close(rounded(matrix), matrix, rtol=0, atol=1e-6)
    return matrix


def test_the_stand_in_for_smollm2_reads_writes_and_lies_in_a_file_of_the_same_formats(stand_ins, capsys):
    model, tokenizer = real_models.smollm2()
    is_as_a_lesson_wants_it(model)
    text = "Grüße, the 12 cats\n\tsat."
    assert tokenizer.decode(tokenizer(text).input_ids) == text
    assert isinstance(answer(model, tokenizer, "Why?", 5), str)
    assert model(torch.arange(40)[None]).logits.shape == (1, 40, len(tokenizer))
    ours, theirs = real_models.read_gguf(real_models.smollm2_file()), gguf.GGUFReader(real_models.smollm2_file())
    assert {name: field.contents() for name, field in theirs.fields.items() if name[:5] != "GGUF."} == ours[0]
    assert {name: kind for name, (kind, _) in ours[1].items()} == {t.name: t.tensor_type.name for t in theirs.tensors}
    assert all(np.array_equal(ours[1][t.name][1], t.data.view(np.uint8)) for t in theirs.tensors)


@pytest.mark.slow
def test_openvino_opens_the_file_of_the_stand_in(stand_ins):
    genai = pytest.importorskip("openvino_genai")
    said = genai.LLMPipeline(str(real_models.smollm2_file()), "CPU").generate("Why?", max_new_tokens=4)
    assert isinstance(str(said), str)


def small_gguf(path, alignment=32):
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_custom_alignment(alignment)
    writer.add_tensor("a", np.arange(1, 9, dtype=np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path.read_bytes()


@pytest.mark.parametrize("alignment", [8, 16, 32, 64, 128])
def test_tensors_begin_where_the_file_says(alignment, tmp_path):
    small_gguf(tmp_path / "a.gguf", alignment)
    kind, content = real_models.read_gguf(tmp_path / "a.gguf")[1]["a"]
    assert kind == "F32" and content.copy().view(np.float32).tolist() == [1, 2, 3, 4, 5, 6, 7, 8]


def test_half_a_file_and_a_big_endian_one_are_refused(tmp_path):
    whole = small_gguf(tmp_path / "a.gguf")
    for n in range(5, len(whole), 7):
        (tmp_path / "cut.gguf").write_bytes(whole[:n])
        with pytest.raises(ValueError, match=f"not whole: .* it has {n:,} bytes"):
            real_models.read_gguf(tmp_path / "cut.gguf")
    (tmp_path / "big.gguf").write_bytes(whole[:4] + whole[4:8][::-1] + whole[8:])
    with pytest.raises(ValueError, match="big-endian"):
        real_models.read_gguf(tmp_path / "big.gguf")


def test_another_file_is_no_gguf_file():
    with pytest.raises(ValueError, match="no GGUF file"):
        real_models.read_gguf(__file__)


def test_a_missing_package_is_one_sentence(stand_ins, monkeypatch):
    for name in ("transformers", "gguf"):
        with monkeypatch.context() as without, pytest.raises(real_models.Missing) as caught:
            without.setitem(__import__("sys").modules, name, None)
            real_models.smollm2()
        assert f"{name} is not installed" in str(caught.value)
        assert caught.value._render_traceback_() == [str(caught.value)]


def test_crops_come_from_every_photo_that_is_there(monkeypatch):
    monkeypatch.setattr(real_models, "find_spec", lambda name: None)  # no scikit-learn
    assert len(real_models.crops(99, sure=True)) == 32 and len(real_models.crops(5)) == 5


@torch.no_grad()
def test_the_stand_in_for_efficientnet_has_its_size_and_is_sure_of_something(stand_ins):
    before = torch.get_rng_state()
    model, images = real_models.efficientnet_lite0(), real_models.crops(3)
    assert torch.equal(torch.get_rng_state(), before)
    assert sum(p.numel() for p in model.parameters()) == 4_652_008 and not model.training
    assert images.shape == (3, 3, 224, 224) and images.dtype == torch.float32 and images.abs().max() < 1.1
    assert (model(images).softmax(1).amax(1) > 0.5).all()
    assert torch.equal(real_models.crops(2), images[:2])


@pytest.mark.slow
@needs("smollm2")
def test_smollm2_knows_a_capital_and_was_rounded_before():
    model, tokenizer = real_models.smollm2()
    matrix = is_as_a_lesson_wants_it(model)
    assert torch.equal(rounded(matrix), matrix)
    assert sum(p.numel() for p in model.parameters()) == 134_515_008
    assert answer(model, tokenizer, "What is the capital of France?", 8) == "The capital of France is Paris."
    tensors = real_models.read_gguf(real_models.smollm2_file())[1]
    assert sum(packed.nbytes for kind, packed in tensors.values() if kind == "Q4_1") == 66_355_200


@pytest.mark.slow
@needs("efficientnet_lite0")
@torch.no_grad()
def test_efficientnet_knows_a_uniform_and_is_sure_of_the_sure_crops():
    model, photo = real_models.efficientnet_lite0(), real_models.photos()["grace_hopper"]
    assert model(real_models.prepared(photo)[None]).argmax() == 652  # military uniform
    first, second = model(real_models.crops(8, sure=True)).softmax(1).topk(2).values.unbind(1)
    assert (first > 4 * second).all()
