"""The task of the lesson decoding: writing several texts with a step that keeps what it was given."""

import torch

from course_utils import check, language

page = check.page(globals())
model = language.trained()


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


def written(answer, prompts, n, token_bytes):
    given = []

    def cached_step(new):
        """What a cached step gives: the logits after the new tokens, which follow all that were given before."""
        given.append(new.clone())
        if len(given) > n:
            raise check.Mistake(f"cached_step is called more than {n} times for {n} tokens.")
        with torch.no_grad():
            return model(torch.cat(given, dim=1))[:, -new.shape[1] :]

    own = torch.stack([language.encode(prompt) for prompt in prompts])
    back = answer(cached_step, own, n, token_bytes)
    if not (isinstance(back, tuple | list) and len(back) == 2):
        raise check.Mistake("Two things should come back: the texts, and the bytes of the cache.")
    ids, n_bytes = back
    return {
        "the number of tokens of a text that goes in at each call": [new.shape[1] for new in given],
        "what goes in": ", then ".join(texts(new) for new in given),
        "what is written": texts(ids) if torch.is_tensor(ids) and ids.ndim == 2 else check.tell(ids),
        "the bytes of the cache": n_bytes,
    }


def texts(ids):
    return " | ".join(language.decode(row) for row in ids)


write = page.write(
    "write",
    "Several texts, one cache",
    cases={
        "one text, s, one token more": (["s"], 1, 10),
        "one text, s, two tokens more": (["s"], 2, 10),
        "two texts, de and im, one token more": (["de", "im"], 1, 10),
        "two texts, de and im, three tokens more": (["de", "im"], 3, 5120),
        "three texts of three letters, four tokens more": (["imp", "def", "ret"], 4, 7),
        "one text, import o, eight tokens more": (["import o"], 8, 5120),
    },
    run=written,
    wrong={
        "The tokens before are in the cache already: only those that are new go in.": "step(new) -> step(ids)",
        "The model hasn't seen the whole prompt. The first step takes all of it.": "= prompts, prompts -> = prompts, prompts[:, -1:]",
        "There are logits after each new token, and the last ones say what comes next.": "[:, -1:] -> [:, :1]",
        "The last token is written, but never goes in, so the cache holds nothing of it.": "ids.shape[1] - 1 -> ids.shape[1]",
        "Texts share the weights, and not the cache: each text has keys and values of its own.": "len(prompts) * kept -> kept",
        "The cache holds the prompts' tokens, too, and not the new ones alone.": "ids.shape[1] - 1 -> n",
        "The prompts belong to the texts that come back.": "ids, new = prompts, prompts -> ids, new = prompts[:, :0], prompts",
        "Two things should come back: the texts, and the bytes of the cache.": "return ids, len(prompts) * kept * token_bytes -> return ids",
        "": [
            "range(n) -> range(n + 1)",
            "logits[:, -1:].argmax(-1) -> logits.argmax().expand(len(prompts), 1)",
            "step(new) -> step(new if new is prompts else prompts[:, -1:])",
            "logits[:, -1:].argmax(-1) -> logits.argmax(-1)",
        ],
    },
    right=[with_lists, prompts_first, by_itself],
    passed="The prompts go in once, and then only the new token of each text: what was before is in the cache. The last "
    "token that is written never goes in.",
)
