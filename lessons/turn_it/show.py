"""The drawings and tables of the lesson turn_it, and what its models answer."""

import json

from course_utils import diagrams, plots
from course_utils.files import ROOT
from course_utils.tables import Table
from lessons.turn_it import rotating

RECORD = ROOT / "records" / "turn_it" / "ways.json"
READS, WRITES = "#cfe8f7", "#fde3cf"


def block():
    """A block of SmolLM2 under the residual stream: what reads it, and what writes to it."""
    canvas, stream, middle = diagrams.Canvas(height=350), 75, 225

    def box(x, words, width, y=middle, fill="white", height=52):
        return canvas.box(x, y - height / 2, words, width=width, height=height, fill=fill, size=22)

    def half(x, readers, width, inner, writer, end):
        """A half of the block: wires from the stream through a norm and the readers, and up again behind the writer."""
        norm = box(x + 20, "norm", 80)
        canvas.wire((x, stream), (x, middle), arrow=False)
        canvas.wire((x, middle), norm.left)
        for words, y in readers:
            reader = box(x + 122, words, width, y=y, fill=READS)
            canvas.wire(norm.right, reader.left)
            inner(reader)
        writer = box(end - 66, writer, 132, fill=WRITES)
        plus = canvas.box(end - 20, stream - 20, "+", width=40, height=40, size=22)
        canvas.wire(writer.top, plus.bottom)
        return writer, plus

    attention, product = box(274, "attention", 130), box(982, "×", 44)
    silu = box(882, "SiLU", 78, y=middle - 40)

    def gated(reader):
        first = reader.top[1] < middle - 40
        canvas.wire(reader.right, silu.left if first else product.left)
        if first:
            canvas.wire(silu.right, product.left)

    three = [(f"{name}_proj", middle + 62 * i) for i, name in zip((-1, 0, 1), "qkv", strict=True)]
    writer, first = half(30, three, 96, lambda reader: canvas.wire(reader.right, attention.left), "o_proj", end=492)
    canvas.wire(attention.right, writer.left)
    two = [("gate_proj", middle - 40), ("up_proj", middle + 40)]
    writer, second = half(600, two, 130, gated, "down_proj", end=1120)
    canvas.wire(product.right, writer.left)
    for start, end in (((10, stream), first.left), (first.right, second.left), (second.right, (1190, stream))):
        canvas.wire(start, end)
    canvas.text(240, 40, "residual stream", size=22)
    canvas.text(270, 335, "the attention half", size=22)
    canvas.text(860, 335, "the feed-forward half", size=22)
    plots.show(
        canvas.figure(),
        alt="A line at the top, the residual stream. Two branches leave it, and come back to it at a plus. The first: norm; "
        "q_proj, k_proj and v_proj side by side; attention; o_proj. The second: norm; gate_proj and a SiLU beside up_proj; "
        "a product; down_proj. q_proj, k_proj, v_proj, gate_proj and up_proj are blue, o_proj and down_proj orange.",
        caption="A block of SmolLM2. Blue layers read the residual stream, orange ones write to it. SiLU is the nonlinearity.",
    )


def same_weights(model, other):
    """The share of the weights of embedding and blocks that are equal in both models."""
    pairs = [(layer.weight, new.weight) for layer, new in zip(_turned(model), _turned(other), strict=True)]
    return sum((a == b).sum().item() for a, b in pairs) / sum(a.numel() for a, _ in pairs)


def _turned(model):
    writers = [layer for block in model.model.layers for layer in rotating.writers(block)]
    return [model.model.embed_tokens, *rotating.all_readers(model), *writers]


def features(models, text):
    """For the inputs of the middle block's q_proj: the largest size of each feature, a row for each model.

    Args:
        models: name -> model.
        text: ids (1, tokens).
    """
    fig, axes = plots.figure(rows=len(models), size=(11, 6.4))
    found, told = {}, []
    for name, model in models.items():
        blocks, sizes = model.model.layers, []
        layer = blocks[2 * len(blocks) // 5].self_attn.q_proj
        with rotating.watched([layer], lambda _, x, sizes=sizes: sizes.append(x[0].abs())):
            model(text, use_cache=False)
        found[name] = sizes[0].amax(0)
        largest, median = sizes[0].max().item(), sizes[0].median().item()
        told.append(f"{name}: largest {largest:.1f}, {largest / median:.0f} times the median of {median:.2f}")
    top = 1.05 * max(size.max().item() for size in found.values())
    for ax, (name, size) in zip(axes, found.items(), strict=True):
        ax.stairs(size.tolist(), fill=True, color=plots.COLOURS["blue"])
        ax.set(ylabel=name, ylim=(0, top), xlim=(0, len(size)))
    axes[-1].set_xlabel("feature")
    plots.show(
        fig,
        alt="Three rows of bars, one for each feature, on one scale. In the first row one bar stands far above all others, "
        f"in the second another one does; in the third all bars are low and about equally high. {'; '.join(told)}.",
        caption=f"A bar: the largest size of a feature over all tokens. The medians are those of all inputs. {'; '.join(told)}.",
    )


def runs(arm, rounded):
    """Text -> KL divergences of the arms of the record whose names begin so."""
    found = {}
    for run in json.loads(RECORD.read_text(encoding="utf-8"))["runs"]:
        if run["rounded"] == rounded and run["arm"].startswith(arm):
            found.setdefault(run["text"], []).append(run["kl"][0])
    return found


def ways():
    """A table of the record, inputs of 8 bits: the KL divergence on three texts, a row for each way."""
    arms = {
        "as it is": "as it is",
        "gains folded": "folded",
        "folded and permuted": "permuted",
        "folded and rotated at random, three times": "random",
    }
    found = {name: runs(arm, "inputs, 8 bits") for name, arm in arms.items()}
    texts = list(found["as it is"])
    rows = [[name, *(_range(of_text[text]) for text in texts)] for name, of_text in found.items()]
    return Table(["the model", *texts], rows, caption="KL divergence with inputs of 8 bits.")


def _range(values):
    low, high = (f"{f(values):.3f}" for f in (min, max))
    return low if low == high else f"{low} to {high}"


def ratio(arm, over, rounded):
    """The least ratio of the KL divergences of two ways, over the texts of the record and all seeds."""
    one, other = runs(arm, rounded), runs(over, rounded)
    return min(min(one[text]) / max(other[text]) for text in one)
