"""The check of the lesson decoding: writing with a step that keeps what it was given."""

import torch
from hypothesis import strategies as st

from course_utils import language
from course_utils.checks import Mistake, effects, exercise

_model = language.trained()


def _write(cached_step, prompt, n):
    ids, new = prompt, prompt
    for _ in range(n):
        logits = cached_step(new)
        new = logits[:, -1:].argmax(-1)
        ids = torch.cat([ids, new], dim=1)
    return ids


@exercise(
    "Write with the cache",
    of=[_write],
    why="The prompt goes in once, and then each new token alone: what was before is in the cache. The last of the logits "
    "say what comes next.",
)
def write(answer, prompt, n):
    given = []

    def cached_step(ids):
        """What a cached step gives: the logits after the new tokens, which follow all that were given before."""
        given.append(ids.clone())
        if len(given) > len(prompt) + n:
            raise Mistake("`cached_step` is called more than `n` times.")
        with torch.no_grad():
            return _model(torch.cat(given, dim=1))[:, -ids.shape[1] :]

    own = language.encode(prompt)[None]
    back = answer(cached_step, own, n)
    try:
        shape, text = str(tuple(torch.as_tensor(back).shape)), language.decode(torch.as_tensor(back).flatten())
    except Exception:  # no tensor, or no numbers of tokens
        shape = str(tuple(back.shape)) if torch.is_tensor(back) else f"none: it is of the type {type(back).__name__}"
        text = f"no numbers of tokens: {back}"
    return {
        "how many tokens went in at each call": [len(new[0]) for new in given],
        "what went in": effects.Said(" | ".join(language.decode(new[0]) for new in given)),
        "the shape of what comes back": effects.Said(shape),
        "what was written": effects.Said(text),
        "the prompt afterwards": effects.Said(language.decode(own.flatten())),
    }


write.tries(
    prompt=st.sampled_from(["s", "de", "imp", "self."]),
    n=st.integers(1, 4),
    also=[("s", 1), ("s", 2), ("de", 1), ("de", 3), ("import o", 8)],
    examples=20,
)
write.looks({"": lambda seen, *_: seen})
write.ideas(
    {
        "logits = cached_step(ids)": "The tokens before are in the cache: only those that are new go in.",
        "ids, new = prompt, prompt[:, -1:]": "The model has not read the whole prompt. The first step takes all of it.",
        "new = logits[:, :1].argmax(-1)": "There are logits after each new token; the last ones say what comes next.",
        "ids, new = prompt[:, :0], prompt": "What comes back begins with the prompt.",
    }
)
