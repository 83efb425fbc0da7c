"""Measurements and drawings of the lesson adapters, which stand beside what the lesson explains.

A *bypass* is a module with the frozen `layer`, the matrices `a` and `b`, and the factor `scale`: the class LoRA of the
lesson. A *maker* builds a frozen copy of a model with a bypass beside each layer: the function `adapted` of the lesson.
"""

import copy
import math
import tempfile
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from course_utils import language, runtime
from course_utils.scorecard import ledger
from course_utils.show import diagrams, plots
from course_utils.show.tables import Table, mean_and_range

LINEAR = ("qkv", "out", "up", "down")  # of each block; embedding, head and norms stay in float
MIB = 2**20


def places(model):
    """(block, name) of each linear layer in the blocks."""
    return [(block, name) for block in model.blocks for name in LINEAR]


def sizes(text):
    """Steps for the new task and of a repair, and pieces of a perplexity; a short text, as in a smoke run, gets few."""
    short = len(text) // 20_000
    return min(40, short), min(32, short), min(6, short)


def manual():
    """The pages of Python's own manual that `help()` shows, as ids: English, with examples; nothing is downloaded.

    Raises:
        FileNotFoundError: this Python comes without them.
    """
    try:
        from pydoc_data.topics import topics
    except ImportError:
        raise FileNotFoundError(
            "this Python comes without pydoc_data, the pages of its help(): take one from python.org, from conda, or "
            "from your system"
        ) from None
    text = "\n\n".join(topics[name] for name in sorted(topics)).expandtabs(4)
    text = "".join(c if c in language.ALPHABET else "?" for c in text)
    return language.encode(text[: language.QUICK_CHARACTERS] if runtime.quick() else text)


def checked(layer, rank):
    """The shape of a layer's weight; refuses a rank that it has no room for."""
    if not 0 < rank <= min(layer.weight.shape):
        rows, columns = layer.weight.shape
        raise ValueError(f"a weight of {rows} × {columns} takes a rank from 1 to {min(rows, columns)}, got {rank}")
    return layer.weight.shape


def on_all(model, change):
    """A copy in which each linear layer of the blocks is replaced by what `change` makes of it."""
    model = copy.deepcopy(model)
    for block, name in places(model):
        setattr(block, name, change(getattr(block, name)))
    return model


class LowBits(nn.Module):
    """A linear layer without bias on a grid of `bits` bits; each row has a scale and a lowest value, both fp16."""

    def __init__(self, layer, bits=2):
        super().__init__()
        weight, self.bits = layer.weight.detach(), bits
        self.shape = weight.shape
        low, high = weight.aminmax(dim=1, keepdim=True)
        self.register_buffer("low", low.half())
        self.register_buffer("scale", ((high - low) / (2**bits - 1)).clamp(min=1e-6).half())
        codes = ((weight - self.low.float()) / self.scale.float()).round().clamp(0, 2**bits - 1).byte()
        digits = np.unpackbits(codes.numpy()[..., None], axis=-1)[..., -bits:]
        self.register_buffer("packed", torch.from_numpy(np.packbits(digits)))
        self.register_buffer("weight", self.unpacked(), persistent=False)  # for speed here; not in the file

    def codes(self):
        digits = np.unpackbits(self.packed.numpy())[: self.bits * self.shape.numel()].reshape(-1, self.bits)
        return torch.from_numpy(digits @ 2 ** np.arange(self.bits)[::-1]).view(self.shape).float()

    def unpacked(self):
        return self.codes() * self.scale.float() + self.low.float()

    def forward(self, x):
        return F.linear(x, self.weight)


def on_grid(model, bits=2):
    """A frozen copy whose linear layers in the blocks have few bits."""
    return on_all(copy.deepcopy(model).requires_grad_(False), lambda layer: LowBits(layer, bits))


def bypass_drawn(lora, count):
    """A frame of `bypass`: the layer alone, with the bypass, with the counts."""
    rows, columns = lora.layer.weight.shape
    canvas = diagrams.Canvas(height=325)
    x, y = canvas.box(30, 50, "x", width=90, height=80), canvas.box(1080, 50, "y", width=90, height=80)
    frozen = canvas.box(390, 40, f"W: {rows} × {columns}\nfrozen", width=280, height=100, fill="int8")
    canvas.wire(x.right, frozen.left, meaning="activations", thick=8)
    if not count:
        canvas.wire(frozen.right, y.left, meaning="activations", thick=8)
        return canvas.figure()
    plus = canvas.box(880, 55, "+", width=70, height=70, size=34)
    canvas.wire(frozen.right, plus.left, meaning="activations", thick=8)
    canvas.wire(plus.right, y.left, meaning="activations", thick=8)
    down = canvas.box(230, 190, f"A: {len(lora.a)} × {columns}", width=230, height=80, fill="fp32")
    up = canvas.box(600, 190, f"B: {rows} × {len(lora.a)}", width=230, height=80, fill="fp32")
    canvas.wire((75, 130), (75, 230), meaning="activations", thick=8, arrow=False)
    canvas.wire((75, 230), down.left, meaning="activations", thick=8)
    canvas.wire(down.right, up.left, meaning="activations", thick=3)
    canvas.wire(up.right, (915, 230), meaning="activations", thick=8, arrow=False)
    canvas.wire((915, 230), plus.bottom, meaning="activations", thick=8)
    if count == 2:
        canvas.text(530, 18, f"{rows * columns:,} weights", colour="int8", bold=True)
        numbers = [lora.a.numel(), lora.b.numel()]
        canvas.text(530, 300, f"{numbers[0]:,} + {numbers[1]:,} = {sum(numbers):,} numbers", colour="fp32", bold=True)
    return canvas.figure()


class Scales(nn.Module):
    """A layer on a grid whose codes are fixed, and whose scales are trained: they stand in the file anyway."""

    def __init__(self, layer):
        super().__init__()
        self.register_buffer("codes", layer.codes())
        self.low, self.scale = layer.low.float(), nn.Parameter(layer.scale.float())

    def forward(self, x):
        return F.linear(x, self.codes * self.scale + self.low)


def with_scales(model):
    model = copy.deepcopy(model).requires_grad_(False)
    for block, name in places(model):
        setattr(block, name, Scales(getattr(block, name)))
    return model


def as_floats(model):
    """The linear layers of the blocks as float layers that can be trained, which begin on the grid."""
    model = copy.deepcopy(model)
    for block, name in places(model):
        weight = getattr(block, name).weight
        float_layer = nn.Linear(*reversed(weight.shape), bias=False)
        float_layer.weight = nn.Parameter(weight.clone())
        setattr(block, name, float_layer)
    return model.requires_grad_(True)


@torch.no_grad()
def best_for_error(model, whole):
    """Put the bypasses in place that come nearest to what the rounding took away; returns the percent of it that is left."""
    rank, missed, left = len(model.blocks[0].qkv.a), 0.0, 0.0
    for (block, name), (origin, _) in zip(places(model), places(whole), strict=True):
        lora = getattr(block, name)
        error = getattr(origin, name).weight - lora.layer.weight
        u, s, v = torch.linalg.svd(error, full_matrices=False)
        lora.a.copy_(v[:rank])
        lora.b.copy_(u[:, :rank] * s[:rank] / lora.scale)
        missed, left = missed + s.square().sum().item(), left + s[rank:].square().sum().item()
    return 100 * left / missed


def row_drawn(lora, stage, told):
    """Some weights of one row on their four levels: as they are, with the bypass, rounded again."""
    grid = lora.layer
    low, step = grid.low[0].item(), grid.scale[0].item()
    levels = [low + step * n for n in range(4)]
    old = grid.weight[0, :9].tolist()
    new = (grid.weight + lora.scale * lora.b @ lora.a)[0, :9].tolist()
    canvas = diagrams.Canvas(height=360)
    line = diagrams.number_line(
        canvas, low - 0.45 * step, levels[3] + 0.45 * step, y=250, ticks={v: str(n) for n, v in enumerate(levels)}
    )
    for n in range(3):
        canvas.axes.plot(
            [line.place(low + (n + 0.5) * step)] * 2, [60, 250], ":", color=plots.COLOURS["grey"], linewidth=2
        )
    for row, (start, end) in enumerate(zip(old, new, strict=True)):
        high = 70 + 18 * row
        end = min(levels, key=lambda level: abs(level - end)) if stage == 2 else end
        canvas.axes.plot(line.place(start), high, "o", color=plots.COLOURS["blue"], markersize=9, zorder=5)
        if stage:
            canvas.axes.plot(
                [line.place(start), line.place(end)], [high] * 2, color=plots.COLOURS["orange"], linewidth=4
            )
            canvas.axes.plot(line.place(end), high, "D", color=plots.COLOURS["orange"], markersize=6, zorder=6)
    canvas.text(
        600, 25, ("nine weights on their levels", "base + bypass", "rounded to the codes again")[stage], size=26
    )
    canvas.text(600, 335, "dotted: half-way between two codes" if stage < 2 else told)
    return canvas.figure()


def load_adapter(model, numbers):
    """Copy the numbers of an adapter's file into the bypasses of a model; refuses other names or shapes."""
    own = {name: p for name, p in model.named_parameters() if name.endswith((".a", ".b"))}
    if own.keys() != numbers.keys():
        raise ValueError("this adapter belongs to other layers than those that have a bypass here")
    for name, p in own.items():
        if p.shape != numbers[name].shape:
            there, here = (" × ".join(map(str, shape)) for shape in (numbers[name].shape, p.shape))
            raise ValueError(
                f"{name} is {there} in this adapter, and {here} in the model: another layer or another rank"
            )
    for name, p in own.items():  # nothing is copied before all fit
        p.data.copy_(numbers[name])


def load_base(path, bits):
    """A low-bit model from its file: packed codes, scales, and what stayed in float."""
    model = on_grid(language.CharTransformer(), bits)
    model.load_state_dict(torch.load(path, weights_only=True))
    for block, name in places(model):
        layer = getattr(block, name)
        layer.weight = layer.unpacked()
    return model


def half(scores):
    """A mask of the larger half of all scores."""
    order = scores.flatten().argsort(descending=True)
    return torch.zeros(scores.numel()).index_fill(0, order[: scores.numel() // 2], 1).view_as(scores)


def half_of_rows(scores):
    order = scores.argsort(dim=1, descending=True)
    return torch.zeros_like(scores).scatter(1, order[:, : scores.shape[1] // 2], 1)


def two_of_four(scores):
    """A mask of the two largest of each four neighbours in a row."""
    fours = scores.reshape(-1, 4)
    return torch.zeros_like(fours).scatter(1, fours.topk(2).indices, 1).view_as(scores)


def sparse_gpt(weight, inputs, choose, block):
    """Shown in the unit on scores: each `block` of columns chooses what goes; what lies behind makes up for it."""
    new, hessian = weight.clone(), inputs.T @ inputs / len(inputs)
    hessian.diagonal().add_(0.01 * hessian.diagonal().mean())
    factor = torch.linalg.cholesky(torch.cholesky_inverse(torch.linalg.cholesky(hessian)), upper=True)
    diagonal = factor.diagonal()
    rows = factor / diagonal[:, None]  # 1 in column j of row j: what goes becomes exactly 0
    for start in range(0, new.shape[1], block):
        end, errors = start + block, []
        goes = 1 - choose((new[:, start:end] / diagonal[start:end]) ** 2)
        for j, gone in enumerate(goes.T, start):
            errors.append(new[:, j] * gone)
            new[:, j:end].addr_(errors[-1], rows[j, j:end], alpha=-1)
        new[:, end:] -= torch.stack(errors, 1) @ rows[start:end, end:]  # what lies behind the block, all at once
    return new


METHODS = {
    "magnitude, each row": (lambda w, x: w * half_of_rows(w.abs()), lambda w, x: w * two_of_four(w.abs())),
    "Wanda, each row": (
        lambda w, x: w * half_of_rows(w.abs() * x.norm(dim=0)),
        lambda w, x: w * two_of_four(w.abs() * x.norm(dim=0)),
    ),
    "SparseGPT": (lambda w, x: sparse_gpt(w, x, half, 128), lambda w, x: sparse_gpt(w, x, two_of_four, 4)),
}


def inputs_of(block, x):
    """{layer: what it sees, (n, columns)} when the block gets the states x."""
    seen = {}
    hooks = [
        getattr(block, name).register_forward_pre_hook(lambda _, given, name=name: seen.update({name: given[0]}))
        for name in LINEAR
    ]
    block(x)
    for hook in hooks:
        hook.remove()
    return {name: given.flatten(0, 1) for name, given in seen.items()}


@torch.no_grad()
def pruned(whole, method, text, pieces):
    """The float model with its blocks cut one after the other, each on what the cut ones before it give."""
    model = copy.deepcopy(whole).requires_grad_(False)
    x = model.tokens(language.batches(text, steps=1, batch_size=pieces)[0, :, 1:])
    for block in model.blocks:
        for name, inputs in inputs_of(block, x).items():
            weight = getattr(block, name).weight
            weight.copy_(method(weight, inputs))
        x = block(x)
    return model


def kept(model, text):
    """Bytes of gradients, optimizer states and saved activations of one training step, counted tensor by tensor."""
    model = copy.deepcopy(model)
    numbers = [p for p in model.parameters() if p.requires_grad]
    optimizer, piece = torch.optim.AdamW(numbers), language.batches(text, steps=1, length=256)[0]
    own = {t.untyped_storage().data_ptr() for t in [*model.parameters(), *model.buffers(), piece]}
    alive, sizes = [], {}

    def pack(tensor):
        alive.append(tensor)  # so that no address is used twice
        sizes[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        loss = F.cross_entropy(model(piece[:, :-1]).flatten(0, 1), piece[:, 1:].flatten())
    loss.backward()
    optimizer.step()
    states = [t for state in optimizer.state.values() for t in state.values()]
    return {
        "trained": sum(p.numel() for p in numbers),
        "gradients": sum(p.grad.nbytes for p in numbers),
        "states": sum(t.nbytes for t in states),
        "activations": sum(n for address, n in sizes.items() if address not in own),
    }


# ---- one function for each figure and table, in the order of the page -------------------------------------


def bypass(lora):
    """Draw a layer alone, with its bypass, and with the counts."""
    rows, columns = lora.layer.weight.shape
    weights, added = f"{rows * columns:,}", f"{lora.a.numel() + lora.b.numel():,}"
    return plots.show(
        [bypass_drawn(lora, count) for count in range(3)],
        alt=[
            "The input x goes through a box with the frozen weight W to the output y.",
            "The input x goes two ways: through the frozen W, and below it through a box A, then a box B; both ways meet at a plus before y.",
            f"The same drawing with the counts: W has {weights} weights, A and B together {added} numbers.",
        ],
        caption="One of the 20 layers; α/r is not drawn. Blue: frozen; orange: trained.",
    )


def starts(lora, x):
    """Output and gradients of a bypass under three starts: the share that the output changes, and two norms."""
    rows, plain = [], lora.layer(x).detach()
    for name, a, b in (("A random, B zero", 1, 0), ("both zero", 0, 0), ("both random", 1, 1)):
        own = copy.deepcopy(lora)
        torch.manual_seed(0)
        with torch.no_grad():
            own.a.copy_(a * torch.randn_like(own.a) / own.a.shape[1] ** 0.5)
            own.b.copy_(b * torch.randn_like(own.b) / own.b.shape[1] ** 0.5)
        y = own(x)
        y.square().mean().backward()
        changed = ((y - plain).norm() / plain.norm()).item()
        rows.append([name, f"{changed:.2g}", f"{own.a.grad.norm():.2g}", f"{own.b.grad.norm():.2g}"])
    return Table(
        ["start", "change of the output", "gradient of A", "gradient of B"],
        rows,
        caption="First layer of the model, random inputs. Change: of the norm of the output, before any step.",
    )


def new_task(frozen, tried, best, exam):
    """The exam of the new task: the frozen model, and both ways to train, each at its best rate.

    Args:
        frozen: perplexities of the frozen model, {"exam": …, "code": …}.
        tried: way -> rate -> perplexities.
        best: way -> rate.
        exam: way -> perplexities of several seeds at the best rate.
    """
    rows = [["frozen", "", f"{frozen['exam']:.2f}", ""]]
    full = math.log(frozen["exam"] / (math.prod(exam["all weights"]) ** (1 / len(exam["all weights"]))))
    for way, values in exam.items():
        gained = [100 * math.log(frozen["exam"] / value) / full for value in values]
        rows.append([way, f"{best[way]:g}", mean_and_range(values, "{:.2f}"), mean_and_range(gained, "{:.0f}")])
    return Table(
        ["trained", "rate", "perplexity, manual", "of the gain of all weights, %"],
        rows,
        caption=f"Pages of the manual that nobody trained on. Best of {len(tried['bypasses'])} rates each; mean (least to most) "
        f"of {len(exam['bypasses'])} seeds. Gain: in nats.",
    )


def learned_and_forgotten(frozen, tried):
    """Draw what each training learns of the manual against what it forgets of code."""
    fig, ax = plots.figure(size=(10.2, 4.2))
    told = []
    # Labels stand to the right of one way and to the left of the other, since the points of both may lie close together.
    for way, colour, marker, side in (("all weights", "blue", "o", 1), ("bypasses", "orange", "D", -1)):
        gains = [math.log(frozen["exam"] / own["exam"]) for own in tried[way].values()]
        losses = [math.log(own["code"] / frozen["code"]) for own in tried[way].values()]
        ax.plot(gains, losses, marker, color=plots.COLOURS[colour], markersize=11, label=way)
        for rate, gain, loss in zip(tried[way], gains, losses, strict=True):
            align = "left" if side > 0 else "right"
            ax.annotate(f"{rate:g}", (gain, loss), (10 * side, -4), textcoords="offset points", fontsize=16, ha=align)
            told.append(f"{way} at {rate:g}: learned {gain:.3f}, forgot {loss:.3f}")
    ax.axhline(0, color=plots.COLOURS["grey"], linestyle=":")
    ax.margins(x=0.15)
    ax.set(xlabel="learned: nats gained on the manual", ylabel="forgot: nats lost on code")
    ax.legend()
    return plots.show(
        fig,
        alt="What each training learned and forgot, in nats a character. " + "; ".join(told) + ".",
        caption="Each point is one training of 40 steps; its learning rate stands beside it. Dotted: nothing forgotten.",
    )


def bills(kept_for):
    """Draw the bytes that two ways to train keep: name -> what `kept` counted."""
    canvas = diagrams.Canvas(height=330)
    meanings = {"gradients": "gradient", "states": "plain", "activations": "activations"}
    for row, (name, parts) in enumerate(kept_for.items()):
        canvas.text(60, 22 + 120 * row, f"{name}: {parts['trained']:,} numbers trained", align="left", bold=True)
        left = 60
        for part, meaning in meanings.items():
            width = 1040 * parts[part] / max(sum(p[k] for k in meanings) for p in kept_for.values())
            canvas.box(left, 46 + 120 * row, width=width, height=48, fill=meaning)
            left += width
    for column, (part, meaning) in enumerate(meanings.items()):
        canvas.box(60 + 370 * column, 276, width=30, height=30, fill=meaning)
        two = " and ".join(f"{parts[part] / MIB:.2f}" for parts in kept_for.values())
        canvas.text(102 + 370 * column, 291, f"{part}: {two}", align="left")
    return plots.show(
        canvas.figure(),
        alt="Two bars to one scale, each of gradients, states and activations. "
        + " ".join(f"{n}: {', '.join(f'{k} {p[k] / MIB:.2f} MiB' for k in meanings)}." for n, p in kept_for.items()),
        caption="One step of AdamW on two pieces of 256 characters, MiB, counted tensor by tensor; weights not drawn.",
    )


def repaired(before, broken, after, won):
    """The repair: perplexities of float, base and base with bypass, and percent won back."""
    return Table(
        ["", "perplexity", "won back, %"],
        [
            ["float", f"{before:.2f}", ""],
            ["2 bits, frozen", f"{broken:.2f}", "0"],
            ["2 bits, with bypasses", mean_and_range(after, "{:.2f}"), mean_and_range(won, "{:.0f}")],
        ],
        caption=f"Unseen modules; mean (least to most) of {len(after)} seeds. Won back: of the nats lost.",
    )


def twins(gains):
    """Gains in nats of both bases: base -> rate -> gain, one seed."""
    rates = next(iter(gains.values()))
    return Table(
        ["bypass on", *(f"rate {rate:g}" for rate in rates)],
        [[base, *(f"{gain:+.3f}" for gain in own.values())] for base, own in gains.items()],
        caption="Nats a character that 32 more steps win on unseen modules; one seed. More is better.",
    )


def merges(rows, moved, float_error):
    """What is left after each merge: name -> (perplexity, percent won back)."""
    return Table(
        ["", "perplexity", "won back, %"],
        [[name, f"{value:.2f}", round(won)] for name, (value, won) in rows.items()],
        caption=f"Float: logits differ by {float_error:.0e} of the largest. Same grid: {moved.sum():,} of {len(moved):,} codes move.",
    )


def codes_moved(new, old):
    """Whether each weight of the blocks has moved to another level, bool (n,)."""
    pairs = zip(places(new), places(old), strict=True)
    return torch.cat([(getattr(b, name).weight != getattr(o, name).weight).flatten() for (b, name), (o, _) in pairs])


def steps_moved(adapter):
    """How far the bypasses move each weight of the blocks, in steps of its grid, float (n,)."""
    bypasses = [getattr(block, name) for block, name in places(adapter)]
    return torch.cat([(own.scale * own.b @ own.a / own.layer.scale).detach().flatten().abs() for own in bypasses])


def rows_of_levels(lora, steps):
    """Draw nine weights of a row on their levels: as they are, with the bypass, and rounded again."""
    told = f"change of a weight, all layers: median {steps.median():.3f} of a step, largest {steps.max():.2f}"
    return plots.show(
        [row_drawn(lora, stage, told) for stage in range(3)],
        alt=[
            "Nine weights of one row, each exactly on one of four levels of a number line.",
            "The same nine weights, each with a short line to where the bypass moves it.",
            f"The same nine weights after rounding, each back on a level; {told}.",
        ],
        caption="The first nine weights of one row; blue: the base, orange: with the bypass.",
    )


def saved_and_loaded(contents, measure, build):
    """Save each content to a file, load it again and measure it.

    Args:
        contents: "float", "2 bits", "3 bits" -> state; "adapter" -> numbers of the bypasses.
        measure: perplexity of a model.
        build: makes a model with bypasses from a base.
    Returns:
        (bytes of each, perplexity of each, the model of base and adapter).
    """
    with tempfile.TemporaryDirectory() as folder:
        paths = {name: Path(folder) / f"{name}.pt" for name in contents}
        for name, content in contents.items():
            torch.save(content, paths[name])
        n_bytes = {name: path.stat().st_size for name, path in paths.items()}
        shipped = build(load_base(paths["2 bits"], 2))
        load_adapter(shipped, torch.load(paths["adapter"], weights_only=True))
        found = {f"{bits} bits": measure(load_base(paths[f"{bits} bits"], bits)) for bits in (2, 3)}
    found["2 bits + adapter"] = measure(shipped)
    n_bytes["2 bits + adapter"] = n_bytes["2 bits"] + n_bytes["adapter"]
    return n_bytes, found, shipped


def files(n_bytes, found, before, after):
    """Bytes and perplexities of the files."""
    wide = {width: 16 * 4 * (width + width) / width**2 for width in (128, 4096)}  # fp16, rank 4
    return Table(
        ["file", "bytes", "perplexity"],
        [
            ["float, or merged in float", f"{n_bytes['float']:,}", f"{before:.2f}, or {after:.2f}"],
            *([name, f"{n_bytes[name]:,}", f"{found[name]:.2f}"] for name in ("2 bits", "2 bits + adapter", "3 bits")),
        ],
        caption=f"Few bits: saved, loaded, measured. The adapter alone: {n_bytes['adapter']:,} bytes, {wide[128]:.2f} bits "
        f"a weight of a square layer of 128; of 4,096: {wide[4096]:.3f}.",
    )


def race(won, counts, dots, error_left):
    """Draw what each way to repair wins back: way -> percent; the dots are the seeds of rank 4."""
    order = sorted(won, key=won.get)
    fig, ax = plots.figure(size=(10.2, 3.7))
    ax.barh(range(len(order)), [won[name] for name in order], color=plots.COLOURS["blue"])
    ax.plot(dots, [order.index("rank 4")] * len(dots), "o", color=plots.COLOURS["orange"])
    for row, name in enumerate(order):
        end = max(dots) if name == "rank 4" else max(won[name], 0)
        more = "  (dots: seeds)" if name == "rank 4" else ""
        ax.text(end + 2, row, f"{counts[name]:,}{more}", va="center", fontsize=17)
    ax.set(yticks=range(len(order)), yticklabels=order, xlabel="loss won back, %")
    ax.axvline(100, color=plots.COLOURS["grey"], linestyle=":")
    return plots.show(
        fig,
        alt="A bar for each way, percent of the lost loss that is won back: "
        + "; ".join(f"{name} {won[name]:.0f}" for name in order)
        + ".",
        caption=f"Behind each bar the numbers that it spends. Dotted: the float model. Best for the error: {error_left:.0f} % of "
        "the squared error is left.",
    )


def grids_compared(adapter, same, new, again):
    """How far both merges into codes lie from base + bypass, in steps of the old grid; and a new grid for the base alone."""
    square, ends, count, changed = {"same grid": 0.0, "new grid": 0.0}, 0, 0, 0
    for parts in zip(*(places(model) for model in (adapter, same, new, again)), strict=True):
        lora, old, fresh, base_again = (getattr(block, name) for block, name in parts)
        wanted = lora.layer.weight + lora.scale * lora.b.detach() @ lora.a.detach()
        step = lora.layer.scale.float()
        for name, layer in (("same grid", old), ("new grid", fresh)):
            square[name] += ((layer.weight - wanted) / step).square().sum().item()
        low, top = fresh.low != lora.layer.low, fresh.scale != lora.layer.scale
        ends, count = ends + (low | top).sum().item(), count + wanted.numel()
        changed += (base_again.weight != lora.layer.weight).sum().item()
    rows = sum(getattr(block, name).layer.weight.shape[0] for block, name in places(adapter))
    root = {name: (value / count) ** 0.5 for name, value in square.items()}
    return Table(
        ["merged into", "root mean square distance to base + bypass, steps"],
        [[name, f"{value:.3f}"] for name, value in root.items()],
        caption=f"Rows whose lowest value or step is another one in the new grid: {ends:,} of {rows:,}. "
        f"A new grid for the base alone changes {changed:,} weights.",
    ), root


def pruned_table(before, cut):
    """Perplexities of the three rules without a pattern and with it."""
    return Table(
        ["rule", "half, no pattern", "2:4"],
        [
            ["nothing cut", f"{before:.2f}", ""],
            *([name, *(f"{value:.2f}" for value in pair)] for name, pair in cut.items()),
        ],
        caption="Perplexity, no training step; one model.",
    )


def refusals(requests):
    """What functions say to requests that cannot be met: name -> function without arguments."""
    rows = []
    for name, request in requests.items():
        try:
            request()
        except ValueError as error:
            rows.append([name, str(error)])
    return Table(["request", "what is said"], rows)


@torch.no_grad()
def foretold(model, text, pieces):
    """Share of the characters to which the model gives the largest logit."""
    text = text[: pieces * 513].view(-1, 513)
    hits = [(model(piece[:, :-1]).argmax(-1) == piece[:, 1:]).float().mean() for piece in text.split(1)]
    return torch.stack(hits).mean().item()


def rows_of_the_ledger(rows, text, pieces):
    """Write what was built into the course's ledger: technique -> (model, bytes of its files)."""
    return ledger.table(
        [
            ledger.record(
                lesson="adapters",
                task="python_source",
                model="CharTransformer",
                technique=technique,
                accuracy=foretold(model, text, pieces),
                file_bytes=n_bytes,
            )
            for technique, (model, n_bytes) in rows.items()
        ]
    )
