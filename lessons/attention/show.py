"""Networks, trainings and drawings of the lesson attention, which stand beside what the lesson explains."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from course_utils import diagrams, language, plots
from course_utils.runtime import quick

NAMES = ("Ada", "Ben", "Eva", "Ida", "Jan", "Kim", "Leo", "Max", "Nia", "Pia", "Tom", "Uwe")
ENTRIES = 6
LENGTH = 64  # characters that the two small language models see


def phone_books(n, generator):
    """Phone books, each with one name that is asked for.

    Args:
        n: how many.
        generator: torch.Generator, of the names and digits.
    Returns:
        (names, digits, asked, answer): int64 (n, 6), (n, 6), (n,), (n,); the six names of a book are different ones.
    """
    names = torch.rand(n, len(NAMES), generator=generator).argsort(1)[:, :ENTRIES]
    digits = torch.randint(10, (n, ENTRIES), generator=generator)
    place, rows = torch.randint(ENTRIES, (n,), generator=generator), torch.arange(n)
    return names, digits, names[rows, place], digits[rows, place]


def phone_book():
    """(names, digits, asked) of the book that the lesson follows: int64 (6,), (6,), (1,)."""
    names = [NAMES.index(name) for name in ("Ada", "Ben", "Eva", "Max", "Ida", "Uwe")]
    return torch.tensor(names), torch.tensor([7, 2, 5, 4, 3, 8]), torch.tensor([NAMES.index("Ada")])


class TwoLinearLayers(nn.Module):
    """Two linear layers on all entries side by side: each weight of the first belongs to one position."""

    def __init__(self, width: int = 16, hidden: int = 128):
        super().__init__()
        self.name, self.digit = nn.Embedding(len(NAMES), width), nn.Embedding(10, width)
        self.layers = nn.Sequential(nn.Linear((ENTRIES + 1) * width, hidden), nn.ReLU(), nn.Linear(hidden, 10))

    def forward(self, names: Tensor, digits: Tensor, asked: Tensor) -> Tensor:
        entries = (self.name(names) + self.digit(digits)).flatten(1)
        return self.layers(torch.cat([entries, self.name(asked)], dim=1))


class Lookup(nn.Module):
    """One layer of attention, with its query, key and value."""

    def __init__(self, width: int = 16):
        super().__init__()
        self.name, self.digit = nn.Embedding(len(NAMES), width), nn.Embedding(10, width)
        self.query, self.key, self.value = (nn.Linear(width, width, bias=False) for _ in range(3))
        self.answer = nn.Linear(width, 10)

    def forward(self, names: Tensor, digits: Tensor, asked: Tensor) -> Tensor:
        entries, query = self.name(names) + self.digit(digits), self.query(self.name(asked))[:, None]
        found = F.scaled_dot_product_attention(query, self.key(entries), self.value(entries))
        return self.answer(found[:, 0])


def learn(network, steps=1000):
    """Train a network on batches of 128 phone books; the share of 2,000 new ones of which it gives the right digit."""
    generator = torch.Generator().manual_seed(1)
    optimizer = torch.optim.Adam(network.parameters(), 1e-3)
    for _ in range(20 if quick() else steps):
        *books, answer = phone_books(128, generator)
        _step(optimizer, F.cross_entropy(network(*books), answer))
    *books, answer = phone_books(2000, torch.Generator().manual_seed(2))
    with torch.no_grad():
        return (network(*books).argmax(1) == answer).float().mean().item()


def _step(optimizer, loss):
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()


def one_lookup(book, weights):
    """A bar for each entry of a phone book, which is (names, digits, asked); weights: its attention weights, (1, 6)."""
    names, digits, asked = book
    asked, weights = NAMES[asked], weights.flatten().tolist()
    rows = {f"{NAMES[n]} {d}": w for n, d, w in zip(names.tolist(), digits.tolist(), weights, strict=True)}
    fig, ax = plots.figure(size=(10, 4.4))
    ax.bar_label(ax.barh(list(rows), rows.values(), color=plots.COLOURS["sky"]), fmt="{:.2f}", padding=6, fontsize=17)
    ax.invert_yaxis()
    ax.set(title=f"{asked}?", xlabel="attention weight", xlim=(0, 1.1))
    told = ", ".join(f"{entry}: {weight:.2f}" for entry, weight in rows.items())
    plots.show(
        fig,
        alt=f"Six bars, the attention weights of the entries of a phone book in which {asked} is asked for. {told}.",
        caption="The attention weight of each entry of the phone book.",
    )


def into_heads(made, n_heads):
    """(queries, keys, values), each (texts, heads, tokens, features of a head); positions are turned into the first two.

    Args:
        made: what the layer `qkv` of a `language.Block` gives, (texts, tokens, 3 · features).
        n_heads: how many heads share the features.
    """
    q, k, v = (part.unflatten(-1, (n_heads, -1)).transpose(1, 2) for part in made.chunk(3, dim=-1))
    return language.rotate(q), language.rotate(k), v


def side_by_side(found):
    """(texts, tokens, features): what the heads have found; found: (texts, heads, tokens, features of a head)."""
    return found.transpose(1, 2).flatten(2)


class _Block(language.Block):
    """A block that may look at what came before, or at the whole line."""

    causal = True

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = into_heads(self.qkv(self.norm1(x)), self.n_heads)
        found = F.scaled_dot_product_attention(q, k, v, is_causal=self.causal)
        x = x + self.out(side_by_side(found))
        return x + self.down(F.gelu(self.up(self.norm2(x))))


def small_model(causal, steps=250):
    """Train a language model of one block on 250 batches of 16 pieces of 64 characters, with the mask or without."""
    torch.manual_seed(0)
    model = language.CharTransformer(width=64, n_layers=1, n_heads=2)
    model.blocks[0] = _Block(64, 2)
    model.blocks[0].causal = causal
    optimizer = torch.optim.AdamW(model.parameters(), 1e-2)
    ids, steps = language.encode(language.source(language.TRAINING)[0]), 10 if quick() else steps
    for batch in language.batches(ids, steps=steps, batch_size=16, length=LENGTH):
        _step(optimizer, F.cross_entropy(model(batch[:, :-1]).flatten(0, 1), batch[:, 1:].flatten()))
    return model


class _Writing(nn.Module):
    """Gives for each position what a model says when nothing stands behind it."""

    def __init__(self, model: nn.Module):
        super().__init__()
        self.model = model

    def forward(self, ids: Tensor) -> Tensor:
        return torch.stack([self.model(ids[:, : at + 1])[:, -1] for at in range(ids.shape[1])], dim=1)


def perplexities(model):
    """(with the whole line visible, when it writes) of a model of `small_model`, on the held-out modules."""
    unseen = language.encode(language.source(language.HELD_OUT)[0])
    return [language.perplexity(one, unseen, length=LENGTH) for one in (model, _Writing(model))]


def block():
    """The two halves of a Transformer block, from left to right, each added to what came in."""
    canvas = diagrams.Canvas(height=300)
    look, think = ("q, k, v", "attention", "out"), ("up", "GELU", "down")
    words = ("norm", *look, "+", "norm", *think, "+")
    boxes, x = [], 70
    for word in words:
        width = {"+": 46, "attention": 140, "q, k, v": 98}.get(word, 88)
        fill = "#cfe8f7" if word in look else "#fde3cf" if word in think else "white"
        boxes.append(canvas.box(x, 150, word, width=width, height=70, fill=fill, size=22))
        x += width + (64 if word == "+" else 20)  # room for the line that leaves behind the first half
    canvas.wire((20, 185), boxes[0].left)
    for one, other in zip(boxes, boxes[1:], strict=False):
        canvas.wire(one.right, other.left)
    canvas.wire(boxes[-1].right, (boxes[-1].right[0] + 40, 185))
    for start, end in ((35, boxes[4]), (boxes[4].right[0] + 27, boxes[9])):
        canvas.wire((start, 185), (start, 90), arrow=False)
        canvas.wire((start, 90), (end.top[0], 90), arrow=False)
        canvas.wire((end.top[0], 90), end.top)
    canvas.text(boxes[2].top[0] - 20, 60, "tokens meet", size=22)
    canvas.text(boxes[7].top[0] - 10, 60, "each token on its own", size=22)
    plots.show(
        canvas.figure(),
        alt="A row of boxes from left to right: norm; q, k, v; attention; out; plus; norm; up; GELU; down; plus. A line "
        "leads around the first four boxes to the first plus, another one around the next four to the second plus.",
        caption="A Transformer block. The lines above are the residual connections.",
    )
