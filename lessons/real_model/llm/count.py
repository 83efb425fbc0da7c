"""Counts a language model: its weights by kind, and the bytes that one token must read.

What is read and what is kept is not computed from a config but seen in a pass of the model over some tokens: of a
mixture of experts those that are called, of a table the rows that are looked up, of the cache what the model hands on.
The pass is made on a copy whose tensors have no numbers (torch's "meta" device), so it takes neither time nor memory.
"""

from __future__ import annotations

import copy
from collections import defaultdict
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

CACHES = ("cache", "past_key_values", "state", "mems")  # what models call that which they hand on to the next token
FEED_FORWARD = ("mlp", "ff", "feed", "fc", "expert", "moe")  # in names of matrices
LOOK_UPS = (torch.ops.aten.embedding, torch.ops.aten.index, torch.ops.aten.index_select, torch.ops.aten.gather)


@dataclass(frozen=True)
class Part:
    """The weights of one kind.

    Attributes:
        numbers: how many.
        bytes: that they occupy, scales and zero points of quantized weights included.
        read: of these bytes, those that a pass must read.
    """

    numbers: int
    bytes: int
    read: int


def is_tied(model: nn.Module) -> bool:
    """Whether the head is the embedding table, used a second time: one tensor, stored once."""
    return _head(model) is model.get_input_embeddings().weight


def by_kind(model: nn.Module, *, tokens: int = 1) -> dict[str, Part]:
    """The weights of a causal model of transformers, in the order of their use.

    A tied table counts once, as "embedding and head"; it is read whole, as the head. Of a table that only looks up, such
    as one of positions ("other tables"), a token reads one row. Of experts those are read that the code in transformers
    multiplies by: the few that a token is sent to, but all of them in Llama 4. Matrices whose names have "attn" in them
    count as attention, and those with a word of `FEED_FORWARD` as feed-forward; the rest is "other", as Mamba's mixers.

    Args:
        model: on any device; a quantized one of torchao, too.
        tokens: of the pass. Each is taken to be sent to experts of its own.
    Raises:
        ValueError: the model cannot be run on ids alone; says why.
    """
    table, head = model.get_input_embeddings().weight, _head(model)
    tables = {id(m.weight) for m in model.modules() if isinstance(m, nn.Embedding)}
    read = _pass(model, tokens)[1]
    parts: dict[str, Part] = {}
    for name, weight in model.named_parameters():
        if weight is head:
            kind = "embedding and head" if head is table else "head"
        elif weight is table:
            kind = "embedding"
        elif weight.ndim < 2:
            kind = "norms"
        elif id(weight) in tables:
            kind = "other tables"
        elif "attn" in name or "attention" in name:
            kind = "attention"
        else:
            kind = "feed-forward" if any(word in name for word in FEED_FORWARD) else "other"
        stored = stored_bytes(weight)
        old = parts.get(kind, Part(0, 0, 0))
        share = stored * read[name] // max(weight.numel(), 1)
        parts[kind] = Part(old.numbers + weight.numel(), old.bytes + stored, old.read + share)
    order = ["embedding", "embedding and head", "other tables", "attention", "feed-forward", "other", "norms", "head"]
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


def kv_bytes(model: nn.Module, length: int = 1) -> int:
    """Bytes of the keys and values that a text leaves in all layers, and of any other state that is handed on.

    In most models each token leaves as much. A layer with a window keeps no more than the window, and a layer of a
    recurrent kind (Mamba, linear attention) has a state whose size does not depend on the text. It is what transformers
    keeps, in the type in which the model computes; another engine may keep it in another form.

    Args:
        model: on any device.
        length: tokens of the text.
    Raises:
        ValueError: length below 1; the model hands on no cache, or cannot be run on ids alone.
    """
    if length < 1:
        raise ValueError(f"length must be 1 or more, got {length}")
    out = _pass(model, length)[0]
    kept = {id(t): t for t in _tensors([out.get(name) for name in CACHES]) if t.is_floating_point()}
    if not kept:
        raise ValueError(
            f"{type(model).__name__} hands on no cache: it is an encoder (is_decoder is False in its config), or keeps "
            "its state inside of itself. Without a cache it is count.read_bytes(model, length=..., cache=False)."
        )
    return sum(t.numel() * t.element_size() for t in kept.values())


def read_bytes(model: nn.Module, *, length: int = 0, cache: bool = True) -> int:
    """The least that one more token must read: each weight that it needs once, and what is kept of the text so far.

    Args:
        length: tokens before it.
        cache: with a KV cache. Without one the pass is over the whole text: it reads one row of an untied embedding
            table for each token, each other weight once, and no keys and values from before.
    Raises:
        ValueError: length below 0; the reasons of `kv_bytes`.
    """
    if length < 0:
        raise ValueError(f"length must be 0 or more, got {length}")
    parts = by_kind(model, tokens=1 if cache else length + 1).values()
    return sum(part.read for part in parts) + (kv_bytes(model, length) if cache and length else 0)


class _Reads(TorchDispatchMode):
    """How many numbers of each parameter the operators read: a part that is cut out, rows that are looked up, or all.

    Attributes:
        read: storage of a parameter -> what was read -> how many numbers.
    """

    def __init__(self, storages: set[int]):
        super().__init__()
        self.storages, self.read = storages, defaultdict(dict)

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        out = func(*args, **(kwargs or {}))
        given = [t for t in tree_leaves((args, kwargs)) if isinstance(t, Tensor)]
        made = [t for t in tree_leaves(out) if isinstance(t, Tensor)]
        if any(t.numel() == 0 for t in given):  # an expert that no token was sent to
            return out
        views = {_storage(t) for t in made}
        for t in given:
            place = _storage(t)
            if place not in self.storages or place in views:
                continue
            seen = self.read[place]
            if func.overloadpacket in LOOK_UPS:
                seen[len(seen), "rows"] = sum(t.numel() for t in made)
            else:
                seen[t.storage_offset(), t.numel()] = t.numel()
        return out


def _pass(model: nn.Module, tokens: int) -> tuple[dict, dict[str, int]]:
    """What a model gives for some tokens, and how many numbers of each of its parameters that reads."""
    for bare in (True, False):  # where numbers decide (which tokens go to which expert), a copy that has them
        try:
            twin = _bare(model) if bare else copy.deepcopy(model)
            if getattr(twin, "_can_set_experts_implementation", bool)():
                twin.set_experts_implementation("batched_mm")  # looks experts up, as rows of a table
            weights, table = dict(twin.named_parameters()), twin.get_input_embeddings().weight
            run = getattr(twin.eval(), "_orig_mod", twin)  # of torch.compile
            with torch.no_grad(), table.device, _Reads({_storage(w) for w in weights.values()}) as watch:
                out = run(input_ids=torch.arange(tokens)[None] % len(table), use_cache=True)
        except Exception as error:  # whatever the model meets
            reason = str(error).partition("\n")[0]
            continue
        read = {name: sum(watch.read[_storage(w)].values()) for name, w in weights.items()}
        whole = {name for name, w in weights.items() if hasattr(w, "__tensor_flatten__")}  # torchao's: not seen inside
        return out, {n: w.numel() if n in whole else min(read[n], w.numel()) for n, w in weights.items()}
    raise ValueError(
        f"{type(model).__name__} cannot be counted, because a pass over ids alone fails: {reason} (A model that needs more "
        "than ids, such as an encoder with a decoder, is not counted here: take a causal one.)"
    )


def _bare(model: nn.Module) -> nn.Module:
    """A copy whose parameters and buffers have shapes and no numbers."""
    known = {}
    for t in (*model.parameters(), *model.buffers()):
        empty = torch.empty(t.shape, dtype=t.dtype, device="meta")
        known[id(t)] = nn.Parameter(empty, requires_grad=False) if isinstance(t, nn.Parameter) else empty
    return copy.deepcopy(model, known)


def _storage(tensor: Tensor) -> int:
    return tensor.untyped_storage()._cdata


def _tensors(found: object) -> list[Tensor]:
    """All tensors in lists, tables and attributes."""
    if isinstance(found, Tensor):
        return [found]
    inner = found.values() if isinstance(found, dict) else found if isinstance(found, list | tuple) else None
    if inner is None:
        inner = vars(found).values() if hasattr(found, "__dict__") and not isinstance(found, type | nn.Module) else ()
    return [tensor for part in inner for tensor in _tensors(part)]
