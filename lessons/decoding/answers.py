"""The exercise of the lesson decoding: odd but right answers, and wrong ones as patches of the solution."""

import torch


def with_a_list(step, prompt, n):
    """Keeps the new tokens as numbers, and makes a tensor of them at the end."""
    written, new = [], prompt
    while len(written) < n:
        written.append(int(step(new)[0, -1].argmax()))
        new = torch.tensor([written[-1:]])
    return torch.tensor([prompt[0].tolist() + written])


def prompt_first(step, prompt, n):
    """One step for the prompt before the loop, which then runs once less."""
    new = step(prompt)[:, -1].topk(1).indices
    found = [prompt, new]
    for _ in range(n - 1):
        new = step(new).softmax(-1)[:, -1].argmax(-1, keepdim=True)
        found.append(new)
    return torch.cat(found, dim=1)


def by_itself(step, prompt, n):
    """Calls itself with a step for the rest of the text."""
    new = step(prompt).argmax(-1)[:, -1:]
    return torch.cat([prompt, by_itself(step, new, n - 1) if n > 1 else new], dim=1)


ODD = {"write": [with_a_list, prompt_first, by_itself]}
WRONG = {
    "write": {
        "the whole text at every call": ("step(new)", "step(ids)"),
        "the first of the logits": ("[:, -1:]", "[:, :1]"),
        "the prompt is lost": ("ids, new = prompt, prompt", "ids, new = prompt[:, :0], prompt"),
        "one token too many": ("range(n)", "range(n + 1)"),
        "only the last token of the prompt goes in": ("= prompt, prompt", "= prompt, prompt[:, -1:]"),
        "the largest of all logits": ("logits[:, -1:].argmax(-1)", "logits.argmax().view(1, 1)"),
        "the last token of the prompt at every call": ("step(new)", "step(new if new is prompt else prompt[:, -1:])"),
        "all that the prompt gives is appended": ("logits[:, -1:].argmax(-1)", "logits.argmax(-1)"),
    }
}
EQUIVALENT = {"write": {"the result without its sign": "positions in the alphabet are never negative"}}
