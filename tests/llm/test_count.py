"""Weights by kind and the bytes of a token, against counts by hand; random models in published shapes."""

import pytest
import torch

transformers = pytest.importorskip("transformers", reason="not run: the extra `llm` is not installed")

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
    assert count.kv_bytes(model) == 2 * 2 * 2 * 4 * 2
    assert count.read_bytes(model, length=10) == count.read_bytes(model) + 10 * 64
    assert count.read_bytes(model, length=10, cache=False) == count.read_bytes(model)
    assert count.read_bytes(other, length=10, cache=False) == count.read_bytes(other) + 10 * 64
    with pytest.raises(ValueError, match="got -1"):
        count.read_bytes(model, length=-1)


SMALL = {"vocab_size": 60, "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "pad_token_id": 0}
HALVED = SMALL | {"intermediate_size": 48, "num_key_value_heads": 2}  # one token: 2 layers · 2 · 2 heads · 8 numbers
LATENT = {"kv_lora_rank": 8, "q_lora_rank": 8, "qk_nope_head_dim": 8, "qk_rope_head_dim": 4, "v_head_dim": 8}
EXPERTS = {"n_routed_experts": 8, "moe_intermediate_size": 16, "n_group": 2, "topk_group": 1, "num_experts_per_tok": 2}
LINEAR = {
    "num_experts": 4,
    "num_experts_per_tok": 2,
    "linear_key_head_dim": 8,
    "linear_value_head_dim": 8,
    "linear_num_key_heads": 2,
    "linear_num_value_heads": 4,
}
EYES = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "image_size": 28}
WINDOW = {"head_dim": 8, "sliding_window": 4}


def tiny(name, **entries):
    """A causal model of an architecture that people have, with random weights."""
    return getattr(transformers, f"{name}ForCausalLM")(getattr(transformers, f"{name}Config")(**entries)).eval()


def seeing():
    text = HALVED | WINDOW | {"num_hidden_layers": 6}  # the sixth layer has no window
    config = transformers.Gemma3Config(text_config=text, vision_config=EYES | {"patch_size": 14})
    return transformers.Gemma3ForConditionalGeneration(config).eval()


@pytest.mark.parametrize(
    ("make", "expected"),
    [  # bytes after 1 token and after 12
        pytest.param(lambda: tiny("Falcon", **SMALL), (128, 12 * 128), id="one head of keys"),
        pytest.param(lambda: tiny("Mistral", **HALVED, sliding_window=4), (256, 3 * 256), id="window"),
        pytest.param(seeing, (6 * 128, 5 * 3 * 128 + 12 * 128), id="windows, nested config"),
        pytest.param(
            lambda: tiny("DeepseekV3", **HALVED | {"num_key_value_heads": 4} | LATENT | EXPERTS),
            (2 * 12 * 4, 12 * 2 * 12 * 4),
            id="latent",
        ),
        pytest.param(lambda: tiny("Mamba", **SMALL, state_size=4), (2 * 64 * 8 * 4,) * 2, id="state alone"),
        pytest.param(
            lambda: tiny("Qwen3Next", **HALVED | LINEAR | {"num_hidden_layers": 4, "head_dim": 8}),
            (6144 + 128, 6144 + 12 * 128),
            id="hybrid",
        ),
    ],
)
def test_the_cache_is_that_of_a_real_pass(make, expected):
    model = make()
    assert tuple(count.kv_bytes(model, length) for length in (1, 12)) == expected
    with torch.no_grad():
        layers = model(torch.arange(12)[None], use_cache=True).cache.layers
    tensors = [t for layer in layers for t in count._tensors(vars(layer)) if t.is_floating_point()]
    assert sum(t.nbytes for t in tensors) == expected[1]


def test_of_experts_and_of_tables_that_part_is_read_that_a_token_needs():
    mixtral = count.by_kind(tiny("Mixtral", **HALVED, num_local_experts=8))["feed-forward"]
    experts, routers = 2 * 8 * 3 * 32 * 48 * 4, 2 * 8 * 32 * 4  # two layers
    assert (mixtral.bytes, mixtral.read) == (experts + routers, experts // 4 + routers)
    jet = {k: v for k, v in SMALL.items() if k != "num_attention_heads"} | {"kv_channels": 8, "num_key_value_heads": 2}
    sent = count.by_kind(tiny("JetMoe", **jet, intermediate_size=48, num_local_experts=4))["feed-forward"]
    assert sent.bytes - sent.read == 2 * 2 * 3 * 32 * 48 * 4  # no pass without numbers says which two of the four
    gpt2 = transformers.GPT2Config(vocab_size=60, n_embd=32, n_layer=2, n_head=4, n_positions=64)
    assert count.by_kind(transformers.GPT2LMHeadModel(gpt2))["other tables"] == count.Part(64 * 32, 8192, 128)
    assert count.by_kind(seeing())["attention"].read == 6 * 4 * (2 * 32 * 32 + 2 * 32 * 16)  # the eyes read nothing


def test_what_keeps_no_cache_is_refused_and_a_model_is_left_as_it_was():
    encoder = transformers.BertLMHeadModel(transformers.BertConfig(**SMALL, intermediate_size=48))
    with pytest.raises(ValueError, match="BertLMHeadModel hands on no cache: it is an encoder"):
        count.kv_bytes(encoder)
    with pytest.raises(ValueError, match="T5ForConditionalGeneration cannot be counted"):
        config = transformers.T5Config(vocab_size=60, d_model=32, num_layers=1, num_heads=4, d_kv=8, d_ff=48)
        count.read_bytes(transformers.T5ForConditionalGeneration(config))
    model = shapes.random_model(TINY).train()
    model.model.norm.eval()
    modes, state = [m.training for m in model.modules()], torch.get_rng_state()
    count.read_bytes(model, length=3)
    assert [m.training for m in model.modules()] == modes and torch.equal(torch.get_rng_state(), state)
    assert not any(m._forward_hooks for m in model.modules()) and not model.lm_head.weight.is_meta


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
