"""Weights by kind and the bytes of a token, against counts by hand; random models in published shapes."""

import pytest
import torch

pytest.importorskip("transformers", reason="not run: the extra `llm` is not installed")

from lessons.real_model.llm import count, shapes, speed  # noqa: E402

TINY = shapes.Shape("tiny", width=16, layers=2, heads=4, kv_heads=2, inner=32, vocab=300)
UNTIED = shapes.Shape("untied", width=16, layers=2, heads=4, kv_heads=2, inner=32, vocab=300, tied=False)
LAYER = 2 * 16 * 16 + 2 * 16 * 8, 3 * 16 * 32  # queries and output, keys and values; gate, up and down
NORMS = (2 * 2 + 1) * 16


def numbers(model):
    return {kind: part.numbers for kind, part in count.by_kind(model).items()}


def test_the_published_shapes_have_the_published_numbers_of_weights():
    small, large = map(shapes.empty_model, (shapes.SMOLLM2_135M, shapes.LLAMA_32_1B))
    assert sum(numbers(small).values()) == sum(p.numel() for p in small.parameters()) == 134_515_008
    assert sum(numbers(large).values()) == 1_235_814_400
    assert numbers(small)["embedding and head"] == 49_152 * 576
    assert all(p.is_meta for p in large.parameters())


def test_a_tied_table_counts_once_and_is_read_whole():
    model = shapes.random_model(TINY)
    assert count.is_tied(model)
    assert numbers(model) == {
        "embedding and head": 4800,
        "attention": 2 * LAYER[0],
        "feed-forward": 2 * LAYER[1],
        "norms": NORMS,
    }
    assert count.read_bytes(model) == 4 * sum(numbers(model).values())


def test_of_an_untied_table_a_token_reads_one_row():
    model = shapes.random_model(UNTIED)
    parts = count.by_kind(model)
    assert not count.is_tied(model) and list(parts)[0] == "embedding" and list(parts)[-1] == "head"
    assert parts["embedding"].read == 4 * 16 and parts["head"].read == parts["head"].bytes == 4 * 4800
    assert count.read_bytes(model) == 4 * (16 + 4800 + 2 * sum(LAYER) + NORMS)


def test_the_cache_costs_bytes_and_its_absence_rows():
    model, other = shapes.random_model(TINY, dtype=torch.bfloat16), shapes.random_model(UNTIED)
    assert count.kv_bytes(model) == 2 * 2 * 2 * 4 * 2 and count.kv_bytes(model, bytes_each=1) == 2 * 2 * 2 * 4
    assert count.read_bytes(model, length=10) == count.read_bytes(model) + 10 * 64
    assert count.read_bytes(model, length=10, cache=False) == count.read_bytes(model)
    assert count.read_bytes(other, length=10, cache=False) == count.read_bytes(other) + 10 * 64
    with pytest.raises(ValueError, match="got -1"):
        count.read_bytes(model, length=-1)


def test_quantized_weights_count_with_their_scales():
    from torchao.quantization import Int8WeightOnlyConfig, quantize_

    model = shapes.random_model(TINY)
    quantize_(model, Int8WeightOnlyConfig())
    parts = count.by_kind(model)
    assert parts["feed-forward"].bytes == 2 * (3 * 16 * 32 + 5 * (2 * 32 + 16))  # a float and a zero point for each row
    assert not count.is_tied(model) and parts["embedding"].bytes == 4 * 4800 and parts["head"].bytes == 4800 + 5 * 300


def test_random_weights_are_drawn_by_their_seed_and_no_two_matrices_are_alike():
    first, again, other = (shapes.random_model(TINY, seed=seed) for seed in (0, 0, 1))
    same = [torch.equal(a, b) for a, b in zip(first.parameters(), again.parameters(), strict=True)]
    assert all(same) and not torch.equal(first.lm_head.weight, other.lm_head.weight)
    up, gate = first.model.layers[0].mlp.up_proj.weight, first.model.layers[0].mlp.gate_proj.weight
    assert not torch.equal(up, gate) and up.std().item() == pytest.approx(0.02, rel=0.2)
    assert not any(p.requires_grad for p in first.parameters()) and torch.get_default_dtype() == torch.float32


def test_with_and_without_a_cache_the_same_is_written():
    model = shapes.random_model(TINY)
    prompt = torch.arange(5)[None]
    writer = speed.Writer(model, prompt)
    for _ in range(4):
        logits = writer()
    line = torch.cat([prompt, torch.tensor([writer.written[:-1]])], 1)
    assert torch.allclose(model(line).logits[0, -1], logits, atol=1e-5)
    assert len(writer.written) == 5


def test_the_perplexity_is_e_to_the_mean_loss_and_random_weights_know_nothing():
    model, ids = shapes.random_model(TINY), torch.randint(300, (100,), generator=torch.Generator().manual_seed(0))
    one = torch.nn.functional.cross_entropy(model(ids[None, :-1]).logits[0], ids[1:]).exp().item()
    assert speed.perplexity(model, ids, length=200) == pytest.approx(one, rel=1e-4)  # shorter than a piece
    assert 200 < speed.perplexity(model, ids, length=19) < 450
    with pytest.raises(ValueError, match="1 tokens"):
        speed.perplexity(model, ids[:1])


def test_the_bandwidth_is_a_plausible_number_of_bytes_a_second():
    assert 1e8 < speed.bandwidth(n_bytes=2**26, rounds=2) < 1e13
    with pytest.raises(ValueError, match="0 threads"):
        speed.bandwidth(n_threads=0)
