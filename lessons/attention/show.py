"""Networks, trainings and drawings of the lesson attention, which stand beside what the lesson explains."""

import copy
import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from course_utils import language
from course_utils.runtime import quick
from course_utils.show import diagrams, plots

NAMES = ("Ada", "Ben", "Eva", "Ida", "Jan", "Kim", "Leo", "Max", "Nia", "Pia", "Tom", "Uwe")
ENTRIES = 6
LENGTH = 64  # characters that the two small language models see
NAME = "value_of_x"  # comes twice in the line that a trained head reads


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
    names = [NAMES.index(name) for name in ("Eva", "Ida", "Jan", "Tom", "Uwe", "Nia")]
    return torch.tensor(names), torch.tensor([6, 9, 8, 6, 6, 8]), torch.tensor([NAMES.index("Jan")])


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
    """One layer of attention, with what the lesson calls query, key and value."""

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
    optimizer = torch.optim.Adam(network.parameters(), 3e-3)
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


def one_lookup(book, shares):
    """A bar for each entry of a phone book; shares: (1, 6)."""
    names, digits, asked = book
    asked, shares = NAMES[asked], shares.flatten().tolist()
    entries = [f"{NAMES[n]} {d}" for n, d in zip(names.tolist(), digits.tolist(), strict=True)]
    canvas = diagrams.Canvas(width=1000, height=440)
    canvas.text(30, 24, f"asked for: {asked}", align="left", bold=True)
    rows = dict(zip(entries, shares, strict=True))
    diagrams.bars(canvas, rows, x=180, y=54, width=640, height=44, gap=20, text="{:.2f}", meaning="activations")
    told = ", ".join(f"{entry}: {share:.2f}" for entry, share in rows.items())
    plots.show(
        canvas.figure(),
        alt=f"Six bars, the shares of the entries of a phone book in which {asked} is asked for. {told}.",
        caption="The share of each entry of one phone book.",
    )


def queries_keys_values(block, x):
    """(queries, keys, values) that a `language.Block` makes of x, turned by their positions: (texts, heads, tokens, …)."""
    parts = block.qkv(block.norm1(x)).chunk(3, dim=-1)
    q, k, v = (part.unflatten(-1, (block.n_heads, -1)).transpose(1, 2) for part in parts)
    return language.rotate(q), language.rotate(k), v


class _Block(language.Block):
    """A block that may look at what came before, or at the whole line."""

    causal = True

    def forward(self, x: Tensor) -> Tensor:
        found = F.scaled_dot_product_attention(*queries_keys_values(self, x), is_causal=self.causal)
        x = x + self.out(found.transpose(1, 2).flatten(2))
        return x + self.down(F.gelu(self.up(self.norm2(x))))


def small_model(causal, steps=250):
    """Train a language model of one block on 250 batches of 16 pieces of 64 characters, with the mask or without."""
    torch.manual_seed(0)
    model = language.CharTransformer(width=64, n_layers=1, n_heads=2)
    model.blocks[0] = _Block(64, 2)
    model.blocks[0].causal = causal
    optimizer = torch.optim.AdamW(model.parameters(), 3e-3)
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


def clock_hands():
    """The hands of a query and of a key at three pairs of positions, on dials with an hour for each position."""
    fig, axes = plots.figure(columns=3, size=(12, 5.2))
    pairs = ((2, 1), (12, 11), (5, 2))
    for ax, (query, key) in zip(axes, pairs, strict=True):
        turn = torch.linspace(0, 2 * math.pi, 200)
        ax.plot(turn.cos(), turn.sin(), color=plots.COLOURS["grey"], linewidth=1.5)
        for hour in range(1, 13):
            colour = {key: plots.COLOURS["blue"], query: plots.COLOURS["orange"]}.get(hour, "black")
            ax.text(*_at(hour, 1.2), str(hour), ha="center", va="center", fontsize=24, color=colour)
        arc = [_at(hour, 0.42) for hour in torch.linspace(key, query, 40).tolist()]
        ax.plot(*zip(*arc, strict=True), color="black", linewidth=1.5)
        for at, colour in ((key, "blue"), (query, "orange")):
            arrow = {"arrowstyle": "-|>", "color": plots.COLOURS[colour], "linewidth": 4, "shrinkA": 0, "shrinkB": 0}
            ax.annotate("", _at(at, 1), (0, 0), arrowprops=arrow)
        product = math.cos(math.radians(30 * (query - key)))
        ax.text(0, -1.65, f"query at position {query}", ha="center", fontsize=22, color=plots.COLOURS["orange"])
        ax.text(0, -2.0, f"key at position {key}", ha="center", fontsize=22, color=plots.COLOURS["blue"])
        ax.text(0, -2.38, f"{30 * (query - key)}° apart: {product:.2f}", ha="center", fontsize=22, fontweight="bold")
        ax.set(xlim=(-1.4, 1.4), ylim=(-2.45, 1.38), aspect="equal")
        ax.set_axis_off()
    plots.show(
        fig,
        alt="Three dials of a clock with an arrow for the query and one for the key. Query at position 2 and key at 1: 30 "
        "degrees between them, dot product 0.87. Query at 12 and key at 11: 30 degrees, 0.87. Query at 5 and key at 2: 90 "
        "degrees, 0.",
        caption="The same query and the same key, turned by 30° for each position like an hour hand; bold, their dot product.",
    )


def _at(hour, radius):
    return radius * math.sin(math.radians(30 * hour)), radius * math.cos(math.radians(30 * hour))


def block():
    """The two halves of a Transformer block, from left to right, each added to what came in."""
    canvas = diagrams.Canvas(height=300)
    look, think = ("q, k, v", "attention", "out"), ("up", "GELU", "down")
    words = ("norm", *look, "+", "norm", *think, "+")
    boxes, x = [], 70
    for word in words:
        width = {"+": 46, "attention": 146}.get(word, 96)
        fill = "#cfe8f7" if word in look else "#fde3cf" if word in think else "white"
        boxes.append(canvas.box(x, 150, word, width=width, height=70, fill=fill, size=22))
        x += width + 20
    canvas.wire((20, 185), boxes[0].left)
    for one, other in zip(boxes, boxes[1:], strict=False):
        canvas.wire(one.right, other.left)
    canvas.wire(boxes[-1].right, (boxes[-1].right[0] + 40, 185))
    for start, end in ((35, boxes[4]), (boxes[4].right[0] + 10, boxes[9])):
        canvas.wire((start, 185), (start, 90), arrow=False)
        canvas.wire((start, 90), (end.top[0], 90), arrow=False)
        canvas.wire((end.top[0], 90), end.top)
    canvas.text(boxes[2].top[0] - 20, 60, "the tokens look at each other", size=22)
    canvas.text(boxes[7].top[0] - 10, 60, "each token works for itself", size=22)
    plots.show(
        canvas.figure(),
        alt="A row of boxes from left to right: norm; q, k, v; attention; out; plus; norm; up; GELU; down; plus. A line "
        "leads around the first four boxes to the first plus, another one around the next four to the second plus.",
        caption="A Transformer block. The lines above are the residual connections.",
    )


def shares_of_head(model, line, block, head):
    """The shares of one head of a `language.CharTransformer` on a text; block and head count from 1.

    Returns:
        float (steps, steps): in a row the shares that a character gives to those before it, and to itself.
    """
    with torch.no_grad():
        x = model.tokens(language.encode(line)[None])
        for earlier in model.blocks[: block - 1]:
            x = earlier(x)
        q, k, _ = queries_keys_values(model.blocks[block - 1], x)
        scores = (q @ k.mT)[0, head - 1] / q.shape[-1] ** 0.5
        allowed = torch.ones(scores.shape, dtype=torch.bool).tril()
        return torch.where(allowed, scores, -torch.inf).softmax(-1)


def one_head(line, shares):
    """The rows of the second name in the shares of a head, as shades; frames mark what followed in the first name."""
    from matplotlib.patches import Rectangle

    letters = ["⏎" if c == "\n" else "·" if c == " " else c for c in line]
    first, second = line.index(NAME), line.rindex(NAME)
    rows = shares[second : second + len(NAME)]
    fig, ax = plots.figure(size=(12, 4.6))
    ax.imshow(rows, cmap="Blues", vmin=0, vmax=1, aspect="auto")
    for n in range(len(NAME)):
        frame = (first + n + 0.5, n - 0.5)
        ax.add_patch(Rectangle(frame, 1, 1, fill=False, edgecolor=plots.COLOURS["orange"], linewidth=2.5))
    ax.set_xticks(range(len(letters)), letters, fontsize=18, family="monospace")
    ax.set_yticks(range(len(NAME)), list(NAME), fontsize=18, family="monospace")
    ax.grid(visible=False)
    ax.set(xlabel="looks at", ylabel="second name")
    most = ", ".join(
        f"{c} to {letters[at]}, number {at + 1}" for c, at in zip(NAME, rows.argmax(1).tolist(), strict=True)
    )
    plots.show(
        fig,
        alt="Shades: a row for each character of the second name, a column for each character of the text. Frames lie on a "
        f"diagonal, one behind the same character of the first name. Darkest: {most}.",
        caption="Dark: a large share. A frame: what followed this character in the first name. · is a space, ⏎ a line end.",
    )


def _perplexity_of_the_second(model, line):
    ids, second = language.encode(line)[None], line.rindex(NAME)
    last = second + len(NAME) - 1
    with torch.no_grad():
        return F.cross_entropy(model(ids[:, :-1])[0, second:last], ids[0, second + 1 : last + 1]).exp().item()


def without_each_head(model, line):
    """Perplexity of the second name: (of the model, float (blocks, heads): with what one head found set to 0)."""
    found = torch.zeros(len(model.blocks), model.blocks[0].n_heads)
    for b, h in [(b, h) for b in range(found.shape[0]) for h in range(found.shape[1])]:
        copied = copy.deepcopy(model)
        out = copied.blocks[b].out.weight
        with torch.no_grad():
            out.view(len(out), found.shape[1], -1)[:, h] = 0
        found[b, h] = _perplexity_of_the_second(copied, line)
    return _perplexity_of_the_second(model, line), found
