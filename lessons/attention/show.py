"""Networks, trainings and drawings of the lesson attention, which stand beside what the lesson explains."""

import copy
import functools
import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from course_utils import language
from course_utils.runtime import quick
from course_utils.show import diagrams, plots
from course_utils.show.tables import Table

NAMES = ("Ada", "Ben", "Eva", "Ida", "Jan", "Kim", "Leo", "Max", "Nia", "Pia", "Tom", "Uwe")
ENTRIES = 6
RATES = (1e-3, 3e-3, 1e-2)
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


class FixedPlaces(nn.Module):
    """Two linear layers on all entries side by side: each weight belongs to one place."""

    def __init__(self, width: int = 16, hidden: int = 128):
        super().__init__()
        self.name, self.digit = nn.Embedding(len(NAMES), width), nn.Embedding(10, width)
        self.layers = nn.Sequential(nn.Linear((ENTRIES + 1) * width, hidden), nn.ReLU(), nn.Linear(hidden, 10))

    def forward(self, names: Tensor, digits: Tensor, asked: Tensor) -> Tensor:
        entries = (self.name(names) + self.digit(digits)).flatten(1)
        return self.layers(torch.cat([entries, self.name(asked)], dim=1))


class Lookup(nn.Module):
    """One layer of attention, as the lesson writes it down later."""

    def __init__(self, width: int = 16):
        super().__init__()
        self.name, self.digit = nn.Embedding(len(NAMES), width), nn.Embedding(10, width)
        self.query, self.key, self.value = (nn.Linear(width, width, bias=False) for _ in range(3))
        self.answer = nn.Linear(width, 10)

    def forward(self, names: Tensor, digits: Tensor, asked: Tensor) -> Tensor:
        entries = self.name(names) + self.digit(digits)
        found = F.scaled_dot_product_attention(
            self.query(self.name(asked))[:, None], self.key(entries), self.value(entries)
        )
        return self.answer(found[:, 0])


@functools.cache  # all networks and rates learn from the same ones
def _batches(steps):
    generator = torch.Generator().manual_seed(1)
    return [phone_books(128, generator) for _ in range(steps)]


def learn(network, steps=1000, rates=RATES):
    """Train a network to read phone books, never the same one twice, at each of some rates; keep the best.

    Args:
        network: is left as trained at the best rate.
        steps: of 128 books.
        rates: of Adam.
    Returns:
        float: the share of 2,000 new books of which it gives the right digit.
    """
    best, best_share = None, -1.0
    for rate in rates:
        tried = copy.deepcopy(network)
        optimizer = torch.optim.Adam(tried.parameters(), rate)
        for *book, answer in _batches(20 if quick() else steps):
            loss = F.cross_entropy(tried(*book), answer)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        *book, answer = phone_books(2000, torch.Generator().manual_seed(2))
        with torch.no_grad():
            share = (tried(*book).argmax(1) == answer).float().mean().item()
        if share > best_share:
            best, best_share = tried, share
    network.load_state_dict(best.state_dict())
    return best_share


def phone_table(networks):
    """Weights and right answers of networks.

    Args:
        networks: name -> (network, share of right answers).
    """
    rows = [
        [name, f"{sum(p.numel() for p in network.parameters()):,}", f"{share:.1%}"]
        for name, (network, share) in networks.items()
    ]
    _, digits, _, answer = phone_books(200_000, torch.Generator().manual_seed(2))
    blind = (F.one_hot(digits, 10).sum(1).argmax(1) == answer).float().mean().item()
    rows.append(["the most frequent digit, name not read", "0", f"{blind:.1%}"])
    return Table(
        ["after 1,000 batches", "weights", "right digits"],
        rows,
        caption="New phone books: 2,000 for the networks, 200,000 for the last row.",
    )


def shares_of(reader, book):
    """The softmax of the scores with which a network of the lesson reads one phone book; float (6,)."""
    names, digits, asked, _ = book
    with torch.no_grad():
        q, k = reader.query(reader.name(asked)), reader.key(reader.name(names) + reader.digit(digits))
        return (k[0] @ q[0] / math.sqrt(q.shape[-1])).softmax(-1)


def one_lookup(book, shares):
    """A bar for each entry of a phone book.

    Args:
        book: one, of `phone_books`.
        shares: of `shares_of`.
    """
    names, digits, asked, answer = (part[0] for part in book)
    entries = [f"{NAMES[n]} {d}" for n, d in zip(names.tolist(), digits.tolist(), strict=True)]
    canvas = diagrams.Canvas(width=1000, height=440)
    canvas.text(30, 24, f"asked for: {NAMES[asked]}", align="left", bold=True)
    diagrams.bars(
        canvas,
        dict(zip(entries, shares.tolist(), strict=True)),
        x=180,
        y=54,
        width=640,
        height=44,
        gap=20,
        text="{:.2f}",
        meaning="activations",
    )
    told = ", ".join(f"{entry}: {share:.2f}" for entry, share in zip(entries, shares.tolist(), strict=True))
    plots.show(
        canvas.figure(),
        alt=f"Six bars, the shares of the entries of a phone book in which {NAMES[asked]} is asked for. {told}.",
        caption=f"Shares of the six entries of one phone book. The right digit is {answer}.",
    )


class _Small(nn.Module):
    """A language model of one block, with an attention function of the caller's; parts of it can be left out."""

    def __init__(self, attention, causal, width=64, n_heads=2, without=""):
        super().__init__()
        self.without = without
        self.attention, self.causal, self.n_heads = attention, causal, n_heads
        self.tokens = nn.Embedding(len(language.ALPHABET), width)
        self.norm1, self.norm2, self.norm3 = (nn.RMSNorm(width) for _ in range(3))
        self.q, self.k, self.v, self.out = (nn.Linear(width, width, bias=False) for _ in range(4))
        self.up, self.down = nn.Linear(width, 4 * width, bias=False), nn.Linear(4 * width, width, bias=False)
        self.head = nn.Linear(width, len(language.ALPHABET), bias=False)

    def forward(self, ids: Tensor) -> Tensor:
        x = self.tokens(ids)
        y = self.norm1(x)
        q, k, v = (f(y).unflatten(-1, (self.n_heads, -1)).transpose(1, 2) for f in (self.q, self.k, self.v))
        if self.without != "positions":
            q, k = language.rotate(q), language.rotate(k)
        found = self.out(self.attention(q, k, v, self.causal).transpose(1, 2).flatten(2))
        kept = self.without != "residual connections"
        x = kept * x + found
        if self.without != "the second half":
            x = kept * x + self.down(F.gelu(self.up(self.norm2(x))))
        return self.head(self.norm3(x))


def two_models(attention, steps=250):
    """Train two small language models, which differ in the mask alone.

    Args:
        attention: ``attention(q, k, v, causal)`` -> float, the shape of q.
        steps: of 16 pieces of 64 characters.
    Returns:
        (with mask, without): each (perplexity with the line in sight, perplexity where only the text before is).
    """
    ids, unseen = (language.encode(language.source(part)[0]) for part in (language.TRAINING, language.HELD_OUT))
    return [_perplexities(attention, causal, ids, unseen, 10 if quick() else steps) for causal in (True, False)]


def worth_of_parts(attention, whole, steps=250):
    """Train the small model with the mask, with one part left out or changed at a time.

    Args:
        attention: as for `two_models`.
        whole: perplexity of the whole model, with two heads.
        steps: of 16 pieces of 64 characters.
    Returns:
        dict: what differs -> perplexity with the line in sight.
    """
    ids, unseen = (language.encode(language.source(part)[0]) for part in (language.TRAINING, language.HELD_OUT))
    parts = ("positions", "residual connections", "the second half")
    kinds = {"one head in place of two": {"n_heads": 1}} | {f"without {part}": {"without": part} for part in parts}
    steps = 10 if quick() else steps
    found = {name: _perplexities(attention, True, ids, unseen, steps, **kind)[0] for name, kind in kinds.items()}
    return {"whole": whole} | found


def worth_table(worth):
    """Perplexities of `worth_of_parts`."""
    rows = [[name, f"{perplexity:.1f}"] for name, perplexity in worth.items()]
    return Table(
        ["small model", "perplexity"], rows, caption="250 batches each, one seed; source files that are new to it."
    )


def _perplexities(attention, causal, ids, unseen, steps, **kind):
    torch.manual_seed(0)
    network = _Small(attention, causal, **kind)
    optimizer = torch.optim.AdamW(network.parameters(), 3e-3)
    for batch in language.batches(ids, steps=steps, batch_size=16, length=LENGTH):
        loss = F.cross_entropy(network(batch[:, :-1]).flatten(0, 1), batch[:, 1:].flatten())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    new = language.batches(unseen, steps=1, batch_size=32, length=LENGTH, seed=5)[0]
    with torch.no_grad():
        in_sight = F.cross_entropy(network(new[:, :-1]).flatten(0, 1), new[:, 1:].flatten())
        writing = [F.cross_entropy(network(new[:, :at])[:, -1], new[:, at]) for at in range(8, LENGTH, 4)]
    return in_sight.exp().item(), torch.stack(writing).mean().exp().item()


def mask_table(models):
    """Perplexities of models.

    Args:
        models: name -> (with the line in sight, where it writes).
    """
    rows = [[name, f"{in_sight:.1f}", f"{writes:.1f}"] for name, (in_sight, writes) in models.items()]
    return Table(
        ["each place", "perplexity with the whole line visible", "when it writes"],
        rows,
        caption="Perplexity: among how many characters the model hesitates. 1 is perfect; 96 is a model that knows nothing. Files that neither has learned.",
    )


def with_weights_of(block, theirs):
    """Copy the weights of a `language.Block` into a block of the lesson, which has three layers in place of one."""
    q, k, v = theirs.qkv.weight.chunk(3)
    with torch.no_grad():
        for mine, weight in (
            (block.q, q),
            (block.k, k),
            (block.v, v),
            (block.out, theirs.out.weight),
            (block.up, theirs.up.weight),
            (block.down, theirs.down.weight),
            (block.norm1, theirs.norm1.weight),
            (block.norm2, theirs.norm2.weight),
        ):
            mine.weight.copy_(weight)
    return block


def shares_of_heads(model, line):
    """The softmax of every head of a `language.CharTransformer` on a text.

    Args:
        model: the network.
        line: the text.
    Returns:
        float (blocks, heads, steps, steps); in a row the shares that a character gives to those before it.
    """
    x, found = model.tokens(language.encode(line)[None]), []
    with torch.no_grad():
        for block in model.blocks:
            _, steps, _ = x.shape
            q, k, _ = block.qkv(block.norm1(x)).view(1, steps, 3, block.n_heads, -1).permute(2, 0, 3, 1, 4)
            scores = language.rotate(q) @ language.rotate(k).transpose(-2, -1) / math.sqrt(q.shape[-1])
            later = torch.ones(steps, steps, dtype=torch.bool).triu(1)
            found.append(scores.masked_fill(later, -math.inf).softmax(-1)[0])
            x = block(x)
    return torch.stack(found)


def share_after_the_same(head, line):
    """What the characters of a name that comes twice give to those behind the same ones in its first place.

    Args:
        head: float (steps, steps), of `shares_of_heads`.
        line: a text in which "value_of_x" comes twice.
    Returns:
        float: the mean over the characters of the second name but its first.
    """
    first, second = line.index("value_of_x"), line.rindex("value_of_x")
    return torch.stack([head[second + n, first + n + 1] for n in range(1, len("value_of_x") - 1)]).mean().item()


def perplexity_of_the_second(model, line):
    """Perplexity of the characters of the second "value_of_x" but its first."""
    ids, second = language.encode(line)[None], line.rindex("value_of_x")
    with torch.no_grad():
        logits = model(ids[:, :-1])[0]
    last = second + len("value_of_x") - 1
    return F.cross_entropy(logits[second:last], ids[0, second + 1 : last + 1]).exp().item()


def _switched_off(model, block, head):
    """A copy of a model in which what one head found is not passed on."""
    copied = copy.deepcopy(model)
    width = copied.blocks[block].out.in_features // copied.blocks[block].n_heads
    with torch.no_grad():
        copied.blocks[block].out.weight[:, head * width : (head + 1) * width] = 0
    return copied


def without_each_head(model, line):
    """`perplexity_of_the_second` with each head switched off in turn; float (blocks, heads)."""
    return torch.tensor(
        [
            [perplexity_of_the_second(_switched_off(model, b, h), line) for h in range(block.n_heads)]
            for b, block in enumerate(model.blocks)
        ]
    )


def partners(model, line):
    """A table: what the induction head (block 5, head 1) gives to the right places when an earlier head is switched off."""
    whole = share_after_the_same(shares_of_heads(model, line)[4, 0], line)
    rows = [
        [f"block {b + 1}"]
        + [
            f"{share_after_the_same(shares_of_heads(_switched_off(model, b, h), line)[4, 0], line):.2f}"
            for h in range(model.blocks[b].n_heads)
        ]
        for b in range(4)
    ]
    heads = [f"head {h + 1}" for h in range(model.blocks[0].n_heads)]
    return Table(["switched off", *heads], rows, caption=f"With all heads on: {whole:.2f}.")


def clock_hands():
    """Two hands, of a query and of a key one step apart, at two places of a text; 30° a step."""
    plots.show(
        [_hands(2, 1), _hands(12, 11)],
        alt=[
            f"Two arrows from the middle of a circle, the query's at {30 * q} degrees, the key's at {30 * k} degrees. Between them are 30 degrees."
            for q, k in ((2, 1), (12, 11))
        ],
        caption="The same query and the same key, one step apart: first at steps 2 and 1, then at steps 12 and 11.",
    )


def _hands(at_query, at_key):
    fig, ax = plots.figure(size=(6.4, 4.6))
    turn = torch.linspace(0, 2 * math.pi, 200)
    ax.plot(turn.cos(), turn.sin(), color=plots.COLOURS["grey"], linewidth=1.5)
    for name, step, colour in (("query", at_query, "orange"), ("key", at_key, "blue")):
        x, y = math.cos(math.radians(30 * step)), math.sin(math.radians(30 * step))
        ax.annotate(
            "", (x, y), (0, 0), arrowprops={"arrowstyle": "-|>", "color": plots.COLOURS[colour], "linewidth": 4}
        )
        ax.text(
            1.12 * x + 0.05, 1.12 * y, f"{name}, step {step}", color=plots.COLOURS[colour], va="center", fontsize=20
        )
    ax.set(xlim=(-1.2, 2.3), ylim=(-1.2, 1.2), aspect="equal")
    ax.set_axis_off()
    return fig


def two_slices():
    """The features of a token, cut into two slices, each with an attention of its own, and side by side again."""
    canvas = diagrams.Canvas(height=330)
    colours = ("#cfe8f7", "#fde3cf")
    canvas.text(140, 40, "q, k, v: 128 features", size=22)
    for half, fill in enumerate(colours):
        y = 90 + 130 * half
        slices = canvas.box(60, y, "64", width=160, height=70, fill=fill, size=22)
        head = canvas.box(360, y, f"head {half + 1}: scores, softmax, mean", width=420, height=70, fill=fill, size=22)
        found = canvas.box(900, y, "64", width=160, height=70, fill=fill, size=22)
        canvas.wire(slices.right, head.left)
        canvas.wire(head.right, found.left)
    canvas.text(980, 40, "side by side: 128", size=22)
    plots.show(
        canvas.figure(),
        alt="Two rows. In each, a box with 64 features of the query, key and value leads to a head with scores, softmax and mean of its own, "
        "and on to a box with the 64 features that the head found. Together both rows have 128 features on the left and on the right.",
        caption="Two heads divide 128 features. The layer *out* mixes the right column afterwards.",
    )


def block():
    """The two halves of a Transformer block, from left to right, each added to what came in."""
    canvas = diagrams.Canvas(height=300)
    words = ("norm", "q, k, v", "attention", "out", "+", "norm", "up", "GELU", "down", "+")
    boxes, x = [], 70
    for word in words:
        width = 46 if word == "+" else 146 if word == "attention" else 96
        fill = (
            "#cfe8f7"
            if word in ("q, k, v", "attention", "out")
            else "#fde3cf"
            if word in ("up", "GELU", "down")
            else "white"
        )
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
    canvas.text(boxes[7].top[0] - 10, 60, "each token for itself", size=22)
    plots.show(
        canvas.figure(),
        alt="A row of boxes from left to right: norm; q, k, v; attention; out; plus; norm; up; GELU; down; plus. A line leads around the "
        "first four boxes to the first plus, another one around the next four to the second plus.",
        caption="A Transformer block. The lines above are the residual connections.",
    )


def two_heads(line, heads):
    """The rows of the last name in the table of shares of each head, as shades, one head a frame.

    Args:
        line: the text, in which "value_of_x" comes twice.
        heads: name -> float (steps, steps).
    """
    letters = ["⏎" if c == "\n" else "·" if c == " " else c for c in line]
    first, last = line.index("value_of_x"), line.rindex("value_of_x")
    rows = range(last, last + len("value_of_x"))
    figures, alts = [], []
    for name, head in heads.items():
        fig, ax = plots.figure(size=(12, 4.0))
        ax.imshow(head[last : rows[-1] + 1], cmap="Blues", vmin=0, vmax=1, aspect="auto")
        ax.set_xticks(range(len(letters)), letters, fontsize=20, family="monospace")
        ax.set_yticks(range(len(rows)), [letters[row] for row in rows], fontsize=20, family="monospace")
        ax.grid(visible=False)
        ax.set(title=name, xlabel="looks at", ylabel="from the second name")
        figures.append(fig)
        most = ", ".join(
            f"{letters[row]} to {letters[int(head[row].argmax())]} at place {int(head[row].argmax()) + 1}"
            for row in rows
        )
        alts.append(
            f"{name}: shades, a row for each character of the second name, which begins at place {last + 1}, a column for each character of the "
            f"text; the first name begins at place {first + 1}. Darkest: {most}."
        )
    plots.show(
        figures,
        alt=alts,
        caption="Dark: a large share. A row is a character of the second name; · is a space, ⏎ a line end.",
    )
