"""The cache of SmolLM2 in few bits: which half, a step for which numbers, and why: lesson `keys_values`."""

import inspect
import textwrap
from contextlib import contextmanager
from importlib import metadata
from unittest import mock

import torch

from course_utils import runtime
from course_utils.files import ROOT
from lessons.keys_values.rounding import by_feature, by_token
from records import writing

TOKENS = 256  # of each text
SAMPLE = 12, 1, 32  # block, head and first token of 32 that a figure can show


@torch.no_grad()
def main(arguments):
    """Measure each way on three texts, and write the record: two minutes on one thread."""
    path = ROOT / "records" / "keys_values" / "ways.json"
    args = writing.options("keys_values", __doc__, path).parse_args(arguments)
    with runtime.threads(1):
        record = measured(*writing.smollm2(), 64 if runtime.quick() else TOKENS)
    writing.write(args.to, {"command": "python3 course.py bench keys_values", **runtime.provenance(), **record})
    return 0


def texts(tokenizer, n):
    """Name -> ids of its first n tokens (1, n)."""
    from pydoc_data.topics import topics

    licence = next(file for file in metadata.files("transformers") if file.name == "LICENSE").read_text()
    chosen = {"manual": topics["execmodel"], "code": inspect.getsource(textwrap), "licence": licence}
    some = list(chosen.items())[: 1 if runtime.quick() else None]
    return {name: tokenizer(text, return_tensors="pt")["input_ids"][:, :n] for name, text in some}


def ways(head):
    """Name -> (for keys, for values): functions of (tokens, features), or None, which keeps floats."""

    def token(bits):
        return lambda x: by_token(x, bits, head)

    def feature(bits, group=32):
        return lambda x: by_feature(x, bits, min(group, len(x)))

    def around_mean(x):
        return x.mean(0) + by_token(x - x.mean(0), 2, head)

    def but_first(function):
        return lambda x: torch.cat([x[:1], function(x[1:])])

    def but_largest(x):
        """By token, but the two features of each head whose mean is largest stay floats, outside the levels."""
        size = x.mean(0).abs().unflatten(0, (-1, head))
        large = torch.zeros_like(size).scatter(1, size.topk(2).indices, 1).flatten().bool()
        return torch.where(large, x, by_token(x.masked_fill(large, 0), 2, head))

    def but_one(number, group=32):
        """By feature, but one token stays float; its group still has the same levels."""
        return lambda x: torch.where(torch.arange(len(x))[:, None] == number, x, feature(2, group)(x))

    found = {f"K{k} V{v} by token": (token(k), token(v)) for k, v in ((8, 2), (2, 8), (2, 2))}
    found |= {f"K{b} by feature, V{b} by token": (feature(b), token(b)) for b in (4, 3, 2)}
    return found | {
        "K2 by token": (token(2), None),
        "K2 by feature": (feature(2), None),
        "V2 by token": (None, token(2)),
        "V2 by feature": (None, feature(2)),
        "K2 by token around the mean": (around_mean, None),
        "K2 by token around the mean, but the first token": (but_first(around_mean), None),
        "K2 by token but the first token": (but_first(token(2)), None),
        "K2 by token but the two largest features": (but_largest, None),
        "V2 by feature but the first token": (None, but_one(0)),
        "V2 by feature but the eleventh token": (None, but_one(10)),
        "K2 by feature, 64 tokens": (feature(2, 64), None),
        "V2 by feature, 64 tokens, but the first token": (None, but_one(0, 64)),
    }


def measured(model, tokenizer, n):
    """The record, but for where and when it was made."""
    read, head = texts(tokenizer, n), model.config.head_dim
    in_float = {name: model(ids, use_cache=False).logits[0].log_softmax(-1) for name, ids in read.items()}
    seen, found = looked_at(model, read["manual"], head), []
    for way, (keys, values) in ways(head).items():
        found.append({"way": way, "texts": {}})
        for name, ids in read.items():
            with rounding(model, keys, values) as errors:
                found[-1]["texts"][name] = compared(model, ids, in_float[name]) | mean_errors(errors)
        print(found[-1], flush=True)
    for axis, function in (("token", lambda x: by_token(x, 2, head)), ("feature", lambda x: by_feature(x, 2))):
        with after_positions(function):
            told = {name: compared(model, ids, in_float[name]) for name, ids in read.items()}
        found.append({"way": f"K2 by {axis}, after the positions", "texts": told})
    return {
        "model": "SmolLM2-135M-Instruct, Q4_1 as downloaded",
        "texts": {
            "manual": "execmodel of pydoc_data.topics",
            "code": "Python's textwrap.py",
            "licence": "that of transformers",
        },
        "tokens": n,
        "ways": found,
        **seen,
    }


@contextmanager
def rounding(model, keys, values):
    """In its block the model attends to rounded keys and values, both (tokens, features); gives the errors so far."""
    hooks, errors = [], {"keys": [], "values": []}
    for which, part, function in (("keys", "k_proj", keys), ("values", "v_proj", values)):

        def hook(_, __, x, which=which, function=function):
            new = function(x[0])[None]
            errors[which].append(((new - x).norm() / x.norm()).item())
            return new

        for block in model.model.layers if function else []:
            hooks.append(getattr(block.self_attn, part).register_forward_hook(hook))
    try:
        yield errors
    finally:
        for hook in hooks:
            hook.remove()


@contextmanager
def after_positions(function):
    """In its block the model attends to keys that are rounded after the positions were turned in."""
    from transformers.models.llama import modeling_llama

    turn = modeling_llama.apply_rotary_pos_emb

    def and_round(*args, **kwargs):
        q, k = turn(*args, **kwargs)
        new = function(k[0].transpose(0, 1).flatten(1))
        return q, new.unflatten(1, (k.shape[1], -1)).transpose(0, 1)[None]

    with mock.patch.object(modeling_llama, "apply_rotary_pos_emb", and_round):
        yield


def compared(model, ids, p):
    """KL divergence from the float model in nats a token, perplexity, and per cent of equal first choices."""
    q = model(ids, use_cache=False).logits[0].log_softmax(-1)
    return {
        "kl": round((p.exp() * (p - q)).sum(-1).mean().item(), 4),
        "perplexity": round((-q[:-1].gather(1, ids[0, 1:, None])).mean().exp().item(), 2),
        "same": round(100 * (p.argmax(-1) == q.argmax(-1)).float().mean().item(), 1),
    }


def mean_errors(errors):
    """Which -> the mean over the blocks of the norm of the errors over the norm of what was rounded."""
    return {f"error_{which}": round(sum(of) / len(of), 3) for which, of in errors.items() if of}


def looked_at(model, ids, head):
    """Sizes of keys and values before the positions, a sample, and how the first token differs."""
    kept = {"k_proj": [], "v_proj": []}
    hooks = [
        getattr(block.self_attn, part).register_forward_hook(lambda _, __, x, part=part: kept[part].append(x[0]))
        for block in model.model.layers
        for part in kept
    ]
    model.set_attn_implementation("eager")
    attentions = model(ids, use_cache=False, output_attentions=True).attentions
    for hook in hooks:
        hook.remove()
    block, which, start = SAMPLE if len(model.model.layers) > SAMPLE[0] else (0, 0, 0)
    found = {"sample": {"block": block, "head": which, "start": start}}
    for name, layers in zip(("keys", "values"), kept.values(), strict=True):
        x = torch.stack(layers).unflatten(-1, (-1, head))  # blocks, tokens, heads, features
        mean, spread = x.mean(1), x.std(1)
        large, feature = mean.abs().max(-1)
        first = (x[:, 0] * mean.sign()).gather(-1, feature[..., None])[..., 0]
        found[name] = {
            "typical": round(x.abs().median().item(), 2),
            "largest_feature": {
                "mean": [[round(v, 1) for v in of] for of in large.tolist()],
                "spread": [[round(v, 1) for v in of] for of in spread.gather(-1, feature[..., None])[..., 0].tolist()],
                "first_token": [[round(v, 1) for v in of] for of in first.tolist()],
                "feature": feature.tolist(),
            },
            "first_token_over_others": round((x[:, 0].norm(dim=-1) / x[:, 1:].norm(dim=-1).mean(1)).median().item(), 3),
        }
        found["sample"][name] = [
            " ".join(f"{v:.1f}" for v in row) for row in x[block, start : start + 32, which].tolist()
        ]
    weight = torch.stack([of[0, :, 32:, 0].mean() for of in attentions])
    found["attention_to_first_token"] = [round(v, 2) for v in weight.tolist()]
    return found
