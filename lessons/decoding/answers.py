"""The exercise of the lesson decoding: odd but right answers, and wrong ones as patches of the solution."""

import torch


def with_lists(step, prompts, n, token_bytes):
    """Keeps the texts as lists, and makes a tensor of them at the end."""
    texts, new = prompts.tolist(), prompts
    for _ in range(n):
        new = step(new)[:, -1].argmax(-1)[:, None]
        for text, token in zip(texts, new.tolist(), strict=True):
            text += token
    return torch.tensor(texts), token_bytes * sum(len(text) - 1 for text in texts)


def prompts_first(step, prompts, n, token_bytes):
    """One step for the prompts before the loop, which then runs once less; counts what goes in."""
    new, kept = step(prompts)[:, -1].topk(1).indices, prompts.numel()
    found = [prompts, new]
    for _ in range(n - 1):
        kept += new.numel()
        new = step(new).softmax(-1)[:, -1].argmax(-1, keepdim=True)
        found.append(new)
    return torch.cat(found, dim=1), kept * token_bytes


def by_itself(step, prompts, n, token_bytes):
    """Calls itself with a step for the rest of the text."""
    new, n_bytes = step(prompts).argmax(-1)[:, -1:], prompts.numel() * token_bytes
    rest, more = by_itself(step, new, n - 1, token_bytes) if n > 1 else (new, 0)
    return [torch.cat([prompts, rest], dim=1), n_bytes + more]


ODD = {"write": [with_lists, prompts_first, by_itself]}
WRONG = {
    "write": {
        "the whole text at every call": ("step(new)", "step(ids)"),
        "the first of the logits": ("[:, -1:]", "[:, :1]"),
        "the prompts are lost": ("ids, new = prompts, prompts", "ids, new = prompts[:, :0], prompts"),
        "one token too many": ("range(n)", "range(n + 1)"),
        "only the last token of each prompt goes in": ("= prompts, prompts", "= prompts, prompts[:, -1:]"),
        "the largest of all logits": ("logits[:, -1:].argmax(-1)", "logits.argmax().expand(len(prompts), 1)"),
        "the last token of the prompts at every call": (
            "step(new)",
            "step(new if new is prompts else prompts[:, -1:])",
        ),
        "all that the prompts give is appended": ("logits[:, -1:].argmax(-1)", "logits.argmax(-1)"),
        "the last token counts as kept": ("ids.shape[1] - 1", "ids.shape[1]"),
        "the prompts don't count": ("ids.shape[1] - 1", "n"),
        "one cache for all texts": ("len(prompts) * kept", "kept"),
        "only the texts come back": ("return ids, len(prompts) * kept * token_bytes", "return ids"),
    }
}
EQUIVALENT = {}
