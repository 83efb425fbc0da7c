"""The check of the lesson real_model: how fast a model can write at best."""

import copy
import functools

import torch
from hypothesis import strategies as st

from course_utils.checks import exercise

SHAPE = {"vocab_size": 3, "hidden_size": 4, "intermediate_size": 2, "num_attention_heads": 2, "head_dim": 4}


@functools.cache
def _built(blocks, kv_heads, tied, dtype):
    from transformers import LlamaConfig, LlamaForCausalLM

    own = {"num_hidden_layers": blocks, "num_key_value_heads": kv_heads, "tie_word_embeddings": tied}
    model = LlamaForCausalLM(LlamaConfig(**SHAPE, **own)).to(getattr(torch, dtype)).eval()
    for weight in model.parameters():
        torch.nn.init.ones_(weight)
    return model


def _fastest(model, positions, bandwidth):
    table, head = model.model.embed_tokens.weight, model.lm_head.weight
    weights = sum(weight.nbytes for weight in model.parameters())  #: the bytes of all weights
    left_out = (
        0 if head is table else table.nbytes - table[0].nbytes
    )  #: the bytes of the table's rows that are not read
    config = model.config
    numbers = 2 * config.num_hidden_layers * config.num_key_value_heads * config.head_dim  #: the numbers of a position
    cache = positions * numbers * table.element_size()  #: the bytes of the cache
    read = weights - left_out + cache  #: the bytes that a token reads
    return bandwidth / read


@exercise(
    "How fast at best?",
    of=[_fastest],
    why="Bandwidth over bytes is the most tokens per second. All weights are read, but only one row of a table that is just "
    "for looking up, and every position in the cache has a key and a value in each block.",
)
def fastest(answer, blocks, kv_heads, tied, dtype, positions, bandwidth):
    return answer(copy.deepcopy(_built(blocks, kv_heads, tied, dtype)), positions, bandwidth)


fastest.tries(
    blocks=st.integers(1, 2),
    kv_heads=st.integers(1, 2),
    tied=st.booleans(),
    dtype=st.sampled_from(["float32", "bfloat16"]),
    positions=st.sampled_from([0, 1, 5]),
    bandwidth=st.sampled_from([1e4, 2e6]),
    also=[
        (1, 1, True, "float32", 0, 1e4),
        (1, 1, False, "float32", 0, 1e4),
        (1, 1, True, "float32", 1, 1e4),
        (2, 1, True, "float32", 5, 1e4),
    ],
    examples=20,
)
fastest.ideas(
    {
        "left_out = 0": "The table of this model is only for looking up: a token reads one row of it.",
        "left_out = table.nbytes - table[0].nbytes": "In a tied model the table is the head, which is read whole.",
        "numbers = config.num_hidden_layers * config.num_key_value_heads * config.head_dim": "Each position has a key "
        "*and* a value.",
        "numbers = 2 * config.num_hidden_layers * config.num_attention_heads * config.head_dim": "Queries are not kept: "
        "the heads of keys and values count.",
        "numbers = 2 * config.num_key_value_heads * config.head_dim": "Every block has a cache of its own.",
    }
)
