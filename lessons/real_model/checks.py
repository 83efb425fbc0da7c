"""The check of the lesson real_model: the bytes of a token."""

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


def _token_bytes(model, positions):
    table, head = model.model.embed_tokens.weight, model.lm_head.weight
    weights = sum(weight.nbytes for weight in model.parameters())  #: the bytes of all weights
    left_out = (
        0 if head is table else table.nbytes - table[0].nbytes
    )  #: the bytes of the table's rows that are not read
    config = model.config
    numbers = 2 * config.num_hidden_layers * config.num_key_value_heads * config.head_dim  #: the numbers of a position
    cache = positions * numbers * table.element_size()  #: the bytes of the cache
    return weights - left_out + cache


@exercise(
    "The bytes of a token",
    of=[_token_bytes],
    why="All weights are read, but only one row of a table used just for look-up; and every position in the cache has a key "
    "and a value in each block.",
)
def token_bytes(answer, blocks, kv_heads, tied, dtype, positions):
    return answer(copy.deepcopy(_built(blocks, kv_heads, tied, dtype)), positions)


token_bytes.tries(
    blocks=st.integers(1, 2),
    kv_heads=st.integers(1, 2),
    tied=st.booleans(),
    dtype=st.sampled_from(["float32", "bfloat16"]),
    positions=st.sampled_from([0, 1, 5]),
    also=[
        (1, 1, True, "float32", 0),
        (1, 1, False, "float32", 0),
        (1, 1, True, "float32", 1),
        (2, 1, True, "float32", 5),
    ],
    examples=20,
)
token_bytes.ideas(
    {
        "left_out = 0": "The table of this model is used just for look-up: of it a token reads one row.",
        "left_out = table.nbytes - table[0].nbytes": "In a tied model the table is the head, which is read whole.",
        "numbers = config.num_hidden_layers * config.num_key_value_heads * config.head_dim": "Each position has a key "
        "*and* a value.",
        "numbers = 2 * config.num_hidden_layers * config.num_attention_heads * config.head_dim": "Queries are not kept: "
        "the heads of keys and values count.",
        "numbers = 2 * config.num_key_value_heads * config.head_dim": "Every block has a cache of its own.",
    }
)
