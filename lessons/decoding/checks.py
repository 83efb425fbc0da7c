"""The check of the lesson decoding: writing several texts with a step that keeps what it was given."""

import torch
from hypothesis import strategies as st

from course_utils import language
from course_utils.checks import Mistake, effects, exercise

_model = language.trained()


def _write(cached_step, prompts, n, token_bytes):
    ids, new = prompts, prompts
    for _ in range(n):
        logits = cached_step(new)
        new = logits[:, -1:].argmax(-1)
        ids = torch.cat([ids, new], dim=1)
    kept = ids.shape[1] - 1
    return ids, len(prompts) * kept * token_bytes


@exercise(
    "Several texts, one cache",
    of=[_write],
    why="The prompts go in once, and then only the new token of each text: what was before is in the cache. The last token "
    "that is written never goes in.",
)
def write(answer, prompts, n, token_bytes):
    given = []

    def cached_step(new):
        """What a cached step gives: the logits after the new tokens, which follow all that were given before."""
        given.append(new.clone())
        if len(given) > len(prompts[0]) + n:
            raise Mistake("`cached_step` is called more than `n` times.")
        with torch.no_grad():
            return _model(torch.cat(given, dim=1))[:, -new.shape[1] :]

    own = torch.stack([language.encode(prompt) for prompt in prompts])
    back = answer(cached_step, own, n, token_bytes)
    if not (isinstance(back, tuple | list) and len(back) == 2):
        raise Mistake("Two things come back: the texts, and the bytes of the cache.")
    ids, n_bytes = back
    try:
        shape, texts = str(tuple(torch.as_tensor(ids).shape)), _texts(torch.as_tensor(ids))
    except Exception:  # no tensor, or no numbers of tokens
        shape = str(tuple(ids.shape)) if torch.is_tensor(ids) else f"none: it is of the type {type(ids).__name__}"
        texts = f"no numbers of tokens: {ids}"
    return {
        "how many tokens of each text went in at each call": [new.shape[1] for new in given],
        "what went in": effects.Said(", then ".join(_texts(new) for new in given)),
        "the shape of the texts": effects.Said(shape),
        "what was written": effects.Said(texts),
        "the bytes of the cache": n_bytes,
        "the prompts afterwards": effects.Said(_texts(own)),
    }


def _texts(ids):
    return " | ".join(language.decode(row) for row in ids)


write.tries(
    prompts=st.sampled_from([["s"], ["de", "im"], ["imp", "def", "ret"], ["self.", "class"]]),
    n=st.integers(1, 4),
    token_bytes=st.integers(1, 9),
    also=[(["s"], 1, 10), (["s"], 2, 10), (["de", "im"], 1, 10), (["de", "im"], 3, 5120), (["import o"], 8, 5120)],
    examples=20,
)
write.looks({"": lambda seen, *_: seen})
write.ideas(
    {
        "logits = cached_step(ids)": "The tokens before are in the cache: only those that are new go in.",
        "ids, new = prompts, prompts[:, -1:]": "The model has not seen the whole prompt. The first step takes all of it.",
        "new = logits[:, :1].argmax(-1)": "There are logits after each new token; the last ones say what comes next.",
        "kept = ids.shape[1]": "The last token was written, but never put in, so the cache holds nothing of it.",
        "return ids, kept * token_bytes": "Texts share the weights, and not the cache: each text has keys and values of its own.",
    }
)
