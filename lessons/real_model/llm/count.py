"""Counts a language model: its weights by kind, and the bytes that one token must read."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class Part:
    """The weights of one kind.

    Attributes:
        numbers: how many.
        bytes: that they occupy, scales and zero points of quantized weights included.
        read: of these bytes, those that one token must read.
    """

    numbers: int
    bytes: int
    read: int


def is_tied(model: nn.Module) -> bool:
    """Whether the head is the embedding table, used a second time: one tensor, stored once."""
    return _head(model) is model.get_input_embeddings().weight


def by_kind(model: nn.Module) -> dict[str, Part]:
    """The weights of a causal model of transformers, in the order of their use.

    A tied table counts once, as "embedding and head"; it is read whole, as the head. Of a table that only looks up, a
    token reads one row. Matrices whose names have "attn" in them count as attention, all other matrices between as
    feed-forward.

    Args:
        model: on any device; a quantized one of torchao, too.
    """
    table, head = model.get_input_embeddings().weight, _head(model)
    parts: dict[str, Part] = {}
    for name, weight in model.named_parameters():
        if weight is head:
            kind = "embedding and head" if head is table else "head"
        elif weight is table:
            kind = "embedding"
        elif weight.ndim < 2:
            kind = "norms"
        else:
            kind = "attention" if "attn" in name or "attention" in name else "feed-forward"
        stored = stored_bytes(weight)
        read = stored // weight.shape[0] if kind == "embedding" else stored
        old = parts.get(kind, Part(0, 0, 0))
        parts[kind] = Part(old.numbers + weight.numel(), old.bytes + stored, old.read + read)
    order = ["embedding", "embedding and head", "attention", "feed-forward", "norms", "head"]
    return {kind: parts[kind] for kind in order if kind in parts}


def _head(model: nn.Module) -> Tensor | None:
    head = model.get_output_embeddings()
    return None if head is None else head.weight


def stored_bytes(weight: Tensor) -> int:
    """Bytes that a tensor occupies; of one of torchao's, those of its codes, scales and zero points."""
    if hasattr(weight, "__tensor_flatten__"):
        return sum(stored_bytes(getattr(weight, name)) for name in weight.__tensor_flatten__()[0])
    if isinstance(weight, nn.Parameter) and type(weight.data) is not torch.Tensor and weight.data is not weight:
        return stored_bytes(weight.data)
    return weight.numel() * weight.element_size()


def kv_bytes(model: nn.Module, *, bytes_each: int | None = None) -> int:
    """Bytes of the keys and values that one token leaves in all layers.

    Args:
        model: its config says how many layers and heads.
        bytes_each: of one number; None = as the weights of the norms are stored.
    """
    config = model.config
    size = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    heads = getattr(config, "num_key_value_heads", None) or config.num_attention_heads
    each = bytes_each or next(p for p in model.parameters() if p.ndim < 2).element_size()
    return 2 * config.num_hidden_layers * heads * size * each


def read_bytes(model: nn.Module, *, length: int = 0, cache: bool = True) -> int:
    """The least that one more token must read: each weight once, and the keys and values of the text so far.

    Args:
        length: tokens before it.
        cache: with a KV cache. Without one the pass is over the whole text: it reads one row of an untied embedding
            table for each token, each other weight once, and no keys and values from before.
    Raises:
        ValueError: length below 0.
    """
    if length < 0:
        raise ValueError(f"length must be 0 or more, got {length}")
    parts = by_kind(model)
    weights = sum(part.read for part in parts.values())
    if cache:
        return weights + length * kv_bytes(model)
    return weights + length * parts.get("embedding", Part(0, 0, 0)).read
