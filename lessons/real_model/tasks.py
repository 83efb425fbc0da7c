"""The task of the lesson real_model: how fast a model can write at best."""

import copy
import functools

import torch

from course_utils import check

page = check.page(globals())


def by_names(model, positions, bandwidth):
    """Goes through the parameters by name, and asks the config whether the head is tied."""
    read = 0
    for name, weight in model.named_parameters():
        size = weight.dtype.itemsize
        alone = "embed_tokens" in name and not model.config.tie_word_embeddings
        read += size * (weight.shape[1] if alone else weight.numel())
    kept = model.config.num_hidden_layers * model.config.num_key_value_heads * model.config.head_dim
    return bandwidth / (read + size * kept * 2 * positions)


def by_parts(model, positions, bandwidth):
    """Blocks, last norm, head, and one row if it is a tensor of its own; the seconds first, then their inverse."""
    inner, head = model.model, model.lm_head.weight
    read = sum(p.numel() for part in (inner.layers, inner.norm) for p in part.parameters()) + head.numel()
    if inner.embed_tokens.weight.data_ptr() != head.data_ptr():
        read += head.shape[1]
    kept = sum(layer.self_attn.k_proj.out_features + layer.self_attn.v_proj.out_features for layer in inner.layers)
    seconds = (read + kept * positions) * head[0, 0].nbytes / bandwidth
    return 1 / seconds


def by_a_pass(model, positions, bandwidth):
    """Runs a token and weighs what the model keeps of it."""
    out = model(torch.tensor([[0]]), use_cache=True)
    one = sum(layer.keys.nbytes + layer.values.nbytes for layer in out.cache.layers)
    stored = model.num_parameters() * model.dtype.itemsize
    tied = model.get_input_embeddings().weight is model.get_output_embeddings().weight
    rows = 0 if tied else model.get_input_embeddings().weight[1:].nbytes
    return torch.tensor(bandwidth / (stored - rows + one * positions))


SHAPE = {"vocab_size": 3, "hidden_size": 4, "intermediate_size": 2, "num_attention_heads": 2, "head_dim": 4}


@functools.cache
def built(blocks, kv_heads, tied, dtype):
    from transformers import LlamaConfig, LlamaForCausalLM

    own = {"num_hidden_layers": blocks, "num_key_value_heads": kv_heads, "tie_word_embeddings": tied}
    model = LlamaForCausalLM(LlamaConfig(**SHAPE, **own)).to(getattr(torch, dtype)).eval()
    for weight in model.parameters():
        torch.nn.init.ones_(weight)
    return model


def asked(answer, blocks, kv_heads, tied, dtype, positions, bandwidth):
    return answer(copy.deepcopy(built(blocks, kv_heads, tied, dtype)), positions, bandwidth)


fastest = page.write(
    "fastest",
    "How fast at best?",
    cases={
        "one block, tied, nothing in the cache": (1, 1, True, "float32", 0, 1e4),
        "one block, a head of its own, nothing in the cache": (1, 1, False, "float32", 0, 1e4),
        "one block, tied, one position in the cache": (1, 1, True, "float32", 1, 1e4),
        "one block, tied, two heads of keys and values, five positions": (1, 2, True, "float32", 5, 1e4),
        "two blocks, tied, five positions": (2, 1, True, "float32", 5, 1e4),
        "two blocks, a head of its own, five positions, bfloat16": (2, 1, False, "bfloat16", 5, 2e6),
    },
    run=asked,
    wrong={
        "The table of this model is only for looking up: a token reads one row of it.": "read = read - table.nbytes + table[0].nbytes -> pass",
        "In a tied model the table is the head, which is read whole.": "if head is not table: -> if True:",
        "Each position has a key and a value.": "numbers = 2 * config -> numbers = config",
        "Queries are not kept: the heads of keys and values count.": "num_key_value_heads -> num_attention_heads",
        "Every block has a cache of its own.": "2 * config.num_hidden_layers * config -> 2 * config",
        "The cache is read as well, every position of it.": [
            "read = read + positions * numbers * table.element_size() -> pass",
            "positions * numbers -> numbers",
        ],
        "The numbers of the cache have the model's type, which isn't always 4 bytes.": "table.element_size() -> 4",
        "The bandwidth counts bytes, and you count numbers.": "weight.nbytes for -> weight.numel() for",
        "You give the seconds of a token: how many tokens a second is one over that.": "bandwidth / read -> read / bandwidth",
        "": [
            "- table.nbytes + table[0].nbytes -> - table.nbytes",
            "read - table.nbytes + table[0].nbytes -> read + table[0].nbytes",
            " * config.head_dim -> ",
            "bandwidth / read -> bandwidth / (8 * read)",
        ],
    },
    right=[by_names, by_parts, by_a_pass],
    steps={"numbers": "the numbers of a position in the cache", "read": "the bytes that a token reads"},
    passed="Bandwidth over bytes is the most tokens per second. All weights are read, but only one row of a table that is just for looking up, and every position in the cache has a key and a value in each block.",
)
