"""Models with random weights in published shapes: their bytes and their speed are real, what they write is not."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import nn

from course_utils.runtime import quick
from lessons.real_model.llm import _package

BLOCK = 1_000_003  # random numbers that are drawn; a prime, so that no two rows of a matrix begin alike
QUICK = {"layers": 2, "vocab": 512}  # of a smoke run


@dataclass(frozen=True)
class Shape:
    """What decides how many weights a model of the Llama family has.

    Attributes:
        name: of the published model.
        width: numbers of the state of one token.
        layers: blocks.
        heads, kv_heads: heads of queries, and of keys and values.
        inner: width inside the feed-forward network.
        vocab: tokens that it knows.
        tied: whether the head is the embedding table, used a second time.
    """

    name: str
    width: int
    layers: int
    heads: int
    kv_heads: int
    inner: int
    vocab: int
    tied: bool = True


SMOLLM2_135M = Shape("SmolLM2-135M", 576, 30, 9, 3, 1536, 49_152)
LLAMA_32_1B = Shape("Llama-3.2-1B", 2048, 16, 32, 8, 8192, 128_256)


def empty_model(shape: Shape) -> nn.Module:
    """The model without its numbers (on torch's "meta" device): to count, whatever its size.

    Raises:
        Missing: the extra "llm" is not installed.
    """
    with torch.device("meta"):
        return _model(shape)


def random_model(shape: Shape, *, dtype: torch.dtype = torch.float32, seed: int = 0) -> nn.Module:
    """The model with random weights, in evaluation mode, without gradients.

    A million numbers are drawn and repeated, in each matrix from another place on: to draw a billion takes half a
    minute. A quick run (`runtime.quick`) gets two layers and 512 tokens.

    Args:
        shape: what to build.
        dtype: of all weights.
        seed: of the numbers; torch's global generator is not touched.
    Raises:
        Missing: the extra "llm" is not installed.
    """
    _package.transformers()  # first: it says what is missing, and asks no network
    from transformers.initialization import no_init_weights

    shape = replace(shape, **QUICK) if quick() else shape
    with no_init_weights():
        before = torch.get_default_dtype()
        torch.set_default_dtype(dtype)
        try:
            model = _model(shape)
        finally:
            torch.set_default_dtype(before)
    if shape.tied:
        model.tie_weights()
    generator = torch.Generator().manual_seed(seed)
    block = 0.02 * torch.randn(BLOCK, generator=generator)  # the spread with which Llama begins
    for weight in model.requires_grad_(False).parameters():
        if weight.ndim < 2:
            weight.fill_(1.0)  # of a norm
            continue
        first = int(torch.randint(BLOCK, (), generator=generator))
        own, flat = block.roll(first).to(dtype), weight.view(-1)
        for start in range(0, len(flat), BLOCK):
            part = flat[start : start + BLOCK]
            part.copy_(own[: len(part)])
    return model.eval()


def _model(shape: Shape) -> nn.Module:
    library = _package.transformers()
    config = library.LlamaConfig(
        hidden_size=shape.width,
        num_hidden_layers=shape.layers,
        num_attention_heads=shape.heads,
        num_key_value_heads=shape.kv_heads,
        intermediate_size=shape.inner,
        vocab_size=shape.vocab,
        tie_word_embeddings=shape.tied,
        max_position_embeddings=8192,
        bos_token_id=0,
        eos_token_id=0,
    )
    return library.LlamaForCausalLM(config)
