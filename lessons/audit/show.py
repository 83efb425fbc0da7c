"""Drawings, tables and experiments of the lesson audit, which stand beside what the lesson explains."""

import copy
import pathlib
import statistics
import tempfile
import time
import warnings
from collections import Counter

import torch
from torch import nn
from torch.nn import functional as F
from torch.profiler import ProfilerActivity, profile

from course_utils import data, models, runtime, training
from course_utils.legacy_int8 import tq
from course_utils.measure import energy, timing
from course_utils.scorecard import ledger
from course_utils.show import diagrams, plots
from course_utils.show.tables import Table, si

CPU = torch.device("cpu")
LINEAR, ATTENTION, REST = "linear layers", "attention's products", "all the rest"


def saved_bytes(model):
    """Size of the saved state_dict of a model."""
    with tempfile.TemporaryDirectory() as folder:
        torch.save(model.state_dict(), pathlib.Path(folder) / "model.pt")
        return (pathlib.Path(folder) / "model.pt").stat().st_size


def calls_in_a_row(called, kind_of):
    """The modules of a model in the order of their calls, each with the operators that multiply.

    Args:
        called: name of a module -> operators, from the audit of a `Sequential` of one layer.
        kind_of: operator -> "int8", "float" or "".
    """
    found = {name: [op for op in ops if kind_of(op)] for name, ops in called.items()}
    canvas, told, before = diagrams.Canvas(height=240), [], (10, 75)
    for left, (name, ops) in zip(range(45, 1200, 235), ((n, o) for n, o in found.items() if o), strict=False):
        words = "(the layer\nitself)" if name == "0" else name.removeprefix("0.")
        meaning = "int8" if kind_of(ops[0]) == "int8" else "fp32"
        box = canvas.box(left, 25, words, width=150, height=100, fill=meaning)
        canvas.wire(before, box.left, meaning="fp32")
        before = box.right
        short = ops[0].rpartition(".")[0]
        operator = short.replace("quantized.", "quantized.\n").removeprefix("aten.").replace("_flash", "\n_flash")
        canvas.text(left + 75, 180, operator.replace("_for", "\n_for"), size=22)
        told.append(f"{words} {short}".replace("\n", " "))
    canvas.wire(before, (before[0] + 55, 75), meaning="fp32")
    plots.show(
        canvas.figure(),
        alt=f"Boxes in a row, in the order of their calls: {', '.join(told)}. The arrows between them are fp32.",
        caption="What each module multiplies with. Blue int8, orange fp32; the arrows are the numbers between them.",
    )


def suspects(quantize):
    """Six models of one linear layer, 256 wide, by name; five of them came out of a function for quantization.

    Args:
        quantize: `quantize_dynamic`.
    """
    from torchao import quantization as ao  # takes seconds

    def by_torchao(config):
        model = copy.deepcopy(plain)
        ao.quantize_(model, config())
        return model

    plain = nn.Sequential(nn.Linear(256, 256)).requires_grad_(False)
    fake = copy.deepcopy(plain).train()
    fake.qconfig = tq.get_default_qat_qconfig("x86")
    fake = tq.prepare_qat(fake).eval()
    fake(torch.randn(4, 256))  # its observers see some numbers
    return {
        "untouched": plain,
        "the line": quantize(plain, {nn.Linear}),
        "the line, float16": quantize(plain, {nn.Linear}, dtype=torch.float16),
        "torchao, int8 dynamic": by_torchao(ao.Int8DynamicActivationInt8WeightConfig),
        "torchao, weights only": by_torchao(ao.Int8WeightOnlyConfig),
        "prepared for QAT": fake,
    }


def evidence(models_by_name, audit, kind_of):
    """A table of signs of int8: the file, the name of the class, the parameters' type, the operator.

    Args:
        models_by_name: the first is the float one.
        audit, kind_of: of the lesson.
    """
    rows, x = [], torch.randn(4, 256)
    whole = saved_bytes(next(iter(models_by_name.values())))
    for name, model in models_by_name.items():
        called = [op for ops in audit(model, x).values() for op in ops if kind_of(op)]
        types = {str(p.dtype).removeprefix("torch.") for p in model.parameters()}
        rows.append(
            [
                name,
                f"{whole / saved_bytes(model):.1f}×",
                model[0]._get_name(),
                ", ".join(types) or "(none)",
                f"{called[0].rpartition('.')[0]}: {kind_of(called[0])}",
            ]
        )
    return Table(["model", "file smaller", "printed as", "parameters", "what multiplied"], rows)


class Derived(nn.Linear):
    """A linear layer of a class of its own, with nothing added."""


def zoo():
    """One module of each of nine kinds."""
    return nn.ModuleDict(
        {
            "Linear": nn.Linear(64, 64),
            "LSTM": nn.LSTM(64, 64),
            "GRU": nn.GRU(64, 64),
            "RNN": nn.RNN(64, 64),
            "LSTMCell": nn.LSTMCell(64, 64),
            "Conv2d": nn.Conv2d(4, 4, 3),
            "Embedding": nn.Embedding(64, 64),
            "MultiheadAttention": nn.MultiheadAttention(64, 4),
            "class Derived(Linear)": Derived(64, 64),
        }
    )


def replaced(modules, made):
    """Which modules were replaced by int8 ones.

    Args:
        modules: name -> module, before.
        made: how the line was called -> the modules that it gave back.
    """
    return Table(
        ["module", *made],
        [
            [name, *("int8" if ".quantized" in type(after[name]).__module__ else "float" for after in made.values())]
            for name in modules
        ],
    )


def weights_of(layer, names):
    """{words: (MB in memory, its colour)} of the parts of a layer, the lowest first."""
    parts = {}
    for words, place in names.items():
        owner, _, last = place.rpartition(".")
        held = getattr(layer.get_submodule(owner), last)
        weight = held.weight() if callable(getattr(held, "weight", None)) else getattr(held, "weight", held)
        kind = "int8" if weight.is_quantized else "fp32"
        parts[words] = weight.numel() * weight.element_size() / 1e6, kind
    return parts


def two_layers_in_memory(ours, theirs):
    """The weights of the course's encoder layer and of PyTorch's own, both after the line, as areas.

    Args:
        ours: the int8 `EncoderLayer`.
        theirs: the `nn.TransformerEncoderLayer` after the line.
    """
    own = weights_of(ours, {"qkv": "qkv", "out": "out", "up": "up", "down": "down"})
    names = {"q, k, v": "self_attn.in_proj_weight", "output": "self_attn.out_proj"}
    other = weights_of(theirs, names | {"first": "linear1", "second": "linear2"})
    both = (("the course's layer", own), ("nn.TransformerEncoderLayer", other))
    canvas = diagrams.Canvas(height=300)
    for x_at, (name, parts) in zip((130, 680), both, strict=True):
        diagrams.stack(canvas, parts, x=x_at, bottom=256, width=300, pixels_each=17.5, size=22)
        total = sum(mb for mb, _ in parts.values())
        canvas.text(x_at + 150, 280, f"{name}: {total:.1f} MB", size=22)
    plots.show(
        canvas.figure(),
        alt="Two stacks, area is bytes. "
        + " ".join(
            f"{name}, from the ground: "
            + ", ".join(f"{words} {mb:.1f} MB {kind}" for words, (mb, kind) in parts.items())
            + "."
            for name, parts in both
        ),
        caption="Area: bytes of the weights, without biases and norms. Blue int8, orange fp32.",
    )


def repair_table(before, after, x, audit, kind_of):
    """What a repaired attention multiplies with, and its file, beside the one before.

    Args:
        before, after: attention modules after the line, each in a `Sequential`, which take (x) or (x, x, x).
        x: (batch, tokens, width).
        audit, kind_of: of the lesson.
    """
    rows = []
    for name, model, example in (("MultiheadAttention", before, (x, x, x)), ("SplitAttention", after, (x,))):
        called = [op.rpartition(".")[0] for ops in audit(model, *example).values() for op in ops if kind_of(op)]
        short = [op.removeprefix("quantized.").removeprefix("aten.").partition("_flash")[0] for op in called]
        rows.append([name, ", ".join(short), si(saved_bytes(model), "B")])
    return Table(["after the line", "what multiplies", "file"], rows)


def time_by_part(layer, n_tokens):
    """Milliseconds of an encoder layer by what its operators do: the least of several runs of each operator.

    Args:
        layer: 768 wide, float or int8.
        n_tokens: in its one text.
    """
    x = torch.randn(1, n_tokens, 768, generator=torch.Generator().manual_seed(0))
    layer(x)
    least = {}
    for _ in range(1 if runtime.quick() else 3 if n_tokens > 1000 else 7):
        with torch.no_grad(), profile(activities=[ProfilerActivity.CPU]) as seen:
            layer(x)
        for event in seen.key_averages():
            own = event.self_cpu_time_total / 1e3
            least[event.key] = min(own, least.get(event.key, own))
    parts = {LINEAR: 0.0, ATTENTION: 0.0, REST: 0.0}
    for name, ms in least.items():
        linear = any(
            word in name for word in ("addmm", "linear", "aten::copy_")
        )  # fp32 copies the bias, then adds to it
        parts[LINEAR if linear else ATTENTION if "scaled_dot" in name else REST] += ms
    return parts


def parts_table(spent):
    """The time of an encoder layer by parts, in percent of the whole fp32 layer.

    Args:
        spent: "fp32" and "int8" -> part -> milliseconds.
    """
    whole = sum(spent["fp32"].values())
    rows = [[part, *(f"{100 * spent[kind][part] / whole:.0f}" for kind in ("fp32", "int8"))] for part in spent["fp32"]]
    rows.append(["together", *(f"{100 * sum(spent[kind].values()) / whole:.0f}" for kind in ("fp32", "int8"))])
    return Table(["% of the time of fp32", "fp32", "int8"], rows)


def share_by_ruler(n_tokens, counted, multiplications, spent):
    """The share of an int8 layer that stays float, by three rulers, over the length of the text.

    Args:
        n_tokens: lengths.
        counted: share of the products that are float.
        multiplications: shares, one for each length.
        spent: length -> part -> milliseconds of the int8 layer.
    """
    in_float = [1 - spent[n][LINEAR] / sum(spent[n].values()) for n in n_tokens]
    lines = {
        "time": ("orange", "o-", in_float),
        "multiplications": ("blue", "s-", multiplications),
        "number of products": ("black", "^--", [counted] * len(n_tokens)),
    }
    fig, ax = plots.figure(size=(7, 4.6))
    for name, (colour, style, shares) in lines.items():
        ax.plot(n_tokens, [100 * share for share in shares], style, color=plots.COLOURS[colour], label=name)
    ax.set(xscale="log", xlabel="tokens of the text", ylabel="in float, %", ylim=(0, 100))
    ax.set_xticks(n_tokens, [f"{n:,}" for n in n_tokens])
    ax.minorticks_off()
    ax.legend(title="share of", loc="upper left")
    told = "; ".join(
        f"{name}: " + ", ".join(f"{share:.0%} at {n:,}" for n, share in zip(n_tokens, shares, strict=True))
        for name, (_, _, shares) in lines.items()
    )
    plots.show(
        fig,
        alt=f"Share of an int8 encoder layer that stays float, over the tokens of the text. {told}.",
        caption="One encoder layer of BERT after the line. Time counts norms, GELU and sums as float, too. The rest of each share is int8.",
    )


def without_fused(model, x):
    """A job: the same fp32 model, kept from oneDNN's fused LSTM, so that PyTorch runs a loop over the steps."""

    def call():
        before = torch.backends.mkldnn.set_flags(_enabled=False)[0]
        try:
            return model(x)
        finally:
            torch.backends.mkldnn.set_flags(_enabled=before)

    return call


def lstm_jobs(width, image, quantize):
    """Three ways to run an LSTM of so many units on an image: fused in fp32, as a loop in fp32, and in int8.

    Args:
        width: units.
        image: (1, 1, 28, 28).
        quantize: `quantize_dynamic`.
    """
    net = models.LSTMClassifier(n_hidden=width).eval().requires_grad_(False)
    small = quantize(net)
    return {"fp32": lambda: net(image), "fp32 loop": without_fused(net, image), "int8": lambda: small(image)}


def operators_of(job):
    """All operators that one call starts, those inside other operators too."""
    job()
    with profile(activities=[ProfilerActivity.CPU]) as seen:
        job()
    return Counter({event.key: event.count for event in seen.key_averages() if "::" in event.key})


def operators_table(started):
    """How many operators each way starts, and the most frequent of them."""
    named = {
        name: ", ".join(op.removeprefix("aten::") for op, _ in ops.most_common(3)) for name, ops in started.items()
    }
    return Table(
        ["LSTM, 128 units, 28 steps", "operators", "most often"],
        [[name, f"{ops.total():,}", named[name]] for name, ops in started.items()],
        caption="fp32 runs all steps in one: " + ", ".join(op for op in started["fp32"] if "rnn_layer" in op)
        if any("rnn_layer" in op for op in started["fp32"])
        else "this PyTorch has no fused LSTM here",
    )


def lstm_bars(times):
    """Least time of the three ways over that of fp32, one frame a width.

    Args:
        times: units -> Comparison of the jobs.
    """
    frames, told = [], []
    for width, found in times.items():
        least = {name: min(seconds) for name, seconds in found.samples.items()}
        bars = {name: seconds / least["fp32"] for name, seconds in least.items()}
        canvas = diagrams.Canvas(height=330)
        canvas.text(60, 30, f"{width:,} units, 28 steps: time over that of fp32", align="left", bold=True)
        colours = dict(zip(bars, ("fp32", "fp32", "int8"), strict=True))
        diagrams.bars(canvas, bars, x=260, y=70, width=700, text="{:.2f}", meaning=colours)
        frames.append(canvas.figure())
        told.append(f"Bars of {width:,} units: {', '.join(f'{name} {length:.2f}' for name, length in bars.items())}.")
    plots.show(
        frames,
        alt=told,
        caption="The least times of all turns. Orange fp32, blue int8. The first bar is what nn.LSTM runs by itself.",
    )


def share_of_searches(int8_call, steps=28, width=128):
    """Time of so many searches for a range, called from Python, over that of the int8 call: an upper bound."""
    state = torch.randn(1, width)
    jobs = {"int8": int8_call, "searches": lambda: [torch.aminmax(state) for _ in range(steps)]}
    return 1 / timing.compare(jobs, rounds=9, device=CPU).ratio("searches")


def why_table(times):
    """The rule of Exercise 1, applied to this machine at several widths.

    Args:
        times: units -> Comparison of the three ways, which took turns.
    """
    rows = []
    for width, found in sorted(times.items()):
        fp32, loop, int8 = (min(found.samples[way]) for way in ("fp32", "fp32 loop", "int8"))
        said, share = "not slower", None
        if int8 > 1.1 * fp32:
            share = (loop - fp32) / (int8 - fp32)
            said = "routine" if share > 0.75 else "product" if share < 0.25 else "both"
        words = "–" if share is None else f"{share:.2f}"
        rows.append([f"{width:,}", f"{loop / fp32:.2f}", f"{int8 / fp32:.2f}", words, said])
    return Table(["units", "loop ÷ fp32", "int8 ÷ fp32", "routine's share", "why"], rows)


def forms_table(forms, kind_of):
    """How often a model multiplies and looks up, by what it was read from.

    Args:
        forms: what was read -> {module: operators}.
        kind_of: of the lesson.
    """
    rows = []
    for form, called in forms.items():
        found = Counter(op.rpartition(".")[0] for ops in called.values() for op in ops)
        columns = ("linear", "addmm"), ("scaled_dot",), ("embedding",)
        rows.append(
            [
                form,
                *(
                    ", ".join(
                        f"{op.removeprefix('aten.').lstrip('_').partition('_flash')[0]}: {n}"
                        for op, n in found.items()
                        if any(word in op for word in words) and (kind_of(f"{op}.") or words == ("embedding",))
                    )
                    for words in columns
                ),
            ]
        )
    return Table(
        ["BERT shape", "linear layers", "attention", "tables"],
        rows,
        caption="operators, and how often they ran, or stand in the graph",
    )


def requests_table(modules, audit, quantize):
    """What runs after six requests: a type, a longer list, another dtype.

    Args:
        modules: of `zoo`.
        audit: of the lesson.
        quantize: `quantize_dynamic`.
    """
    from torch.ao.quantization.quantization_mappings import get_default_dynamic_quant_module_mappings as known

    longer = known() | {nn.Conv2d: torch.ao.nn.quantized.dynamic.Conv2d}
    image, tokens, steps = torch.randn(1, 4, 8, 8), torch.arange(8)[None], torch.randn(1, 8, 64)
    requests = {
        "{Conv2d}": ("Conv2d", image, {}),
        "{Conv2d}, longer list": ("Conv2d", image, {"mapping": longer}),
        "{Embedding}": ("Embedding", tokens, {}),
        "{Embedding}, quint8": ("Embedding", tokens, {"dtype": torch.quint8}),
        "{RNN}": ("RNN", steps, {}),
        "{GRU}": ("GRU", steps, {}),
    }
    # An RNN calls linear, which calls addmm: one product under two names. The second is shown.
    shown = ("quantized.", "aten.quantized_", "aten.convolution", "aten.embedding", "aten.addmm")
    rows, warned = [], False
    for request, (name, example, how) in requests.items():
        model = nn.Sequential(modules[name]).requires_grad_(False)
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            try:
                called = audit(quantize(model, {type(modules[name])}, **how), example)
                ran = next(op.rpartition(".")[0] for ops in called.values() for op in ops if op.startswith(shown))
            except AssertionError as error:
                ran = f"AssertionError: {str(error)[:48]}…"
        poor = any("numerical accuracy" in str(w.message) for w in said)
        warned |= poor
        rows.append([request, ran + " *" * poor])
    return Table(["request", "what ran"], rows, caption="* PyTorch warns of its accuracy" if warned else "")


def patches(images, side=7):
    """(N, 1, 28, 28) images as (N, 16, 49) patches."""
    return F.unfold(images, side, stride=side).transpose(1, 2).contiguous()


def train_small_transformer(device):
    """A Transformer of two layers of 64, trained for one pass over 16,000 images, which it reads as 16 patches.

    Returns:
        (model on the CPU, test pixels, test labels).
    """
    images, labels = data.load("fashion_mnist", n=16_000)
    test_images, test_labels = data.load("fashion_mnist", "test")
    pixels, test_pixels = (patches(x.sub(0.286).div(0.353)) for x in (images, test_images))
    runtime.seed_all(0)
    net = models.Encoder(n_layers=2, width=64, n_heads=4, n_tokens=1, max_steps=16, n_classes=10)
    net.tokens = nn.Linear(49, 64)  # patches in place of words
    half = len(pixels) // 2
    training.fit(net, pixels[:half], labels[:half], lr=2e-3, device=device)
    training.fit(net, pixels[half:], labels[half:], lr=5e-4, device=device)
    return net.cpu().eval().requires_grad_(False), test_pixels, test_labels


def reload(state, into, loads=3):
    """Save `state`, load it into the model `into`: bytes, ms to read the file, ms to put it into the model."""
    with tempfile.TemporaryDirectory() as folder:
        path, read_ms, put_ms = pathlib.Path(folder) / "model.pt", [], []
        torch.save(state, path)
        for _ in range(loads):
            start = time.perf_counter()
            found = torch.load(path, weights_only=False)  # our own file: it may hold classes of torch.ao
            read = time.perf_counter()
            into.load_state_dict(found)
            put_ms.append(1e3 * (time.perf_counter() - read))
            read_ms.append(1e3 * (read - start))
        return path.stat().st_size, statistics.median(read_ms), statistics.median(put_ms)


def files_table(stored, accuracy):
    """File and accuracy of a model stored in several ways; the first is fp32."""
    whole = next(iter(stored.values()))[0]
    return Table(
        ["stored", "file", "smaller", "accuracy"],
        [[k, si(size, "B"), f"{whole / size:.2f}×", f"{accuracy[k]:.2%}"] for k, (size, _, _) in stored.items()],
        caption="each file loaded into a fresh model, which then was tested",
    )


def packing_ms(model, rounds=3):
    """Milliseconds to pack all int8 weights of a model anew, without reading any file."""
    pairs = [(m.weight(), m.bias()) for m in model.modules() if callable(getattr(m, "weight", None))]
    taken = []
    for _ in range(rounds):
        start = time.perf_counter()
        for weight, bias in pairs:
            torch.ops.quantized.linear_prepack(weight, bias)
        taken.append(1e3 * (time.perf_counter() - start))
    return statistics.median(taken)


def loading_table(loading, packing):
    """Time to load, by reading and by putting into the model.

    Args:
        loading: how it is stored -> (bytes, ms to read, ms to put into the model); "fp32" first.
        packing: ms to pack the int8 weights alone.
    """
    unit = sum(loading["fp32"][1:])
    return Table(
        ["BERT shape", "file", "reading", "into the model", "both"],
        [
            [kind, si(size, "B"), *(f"{ms / unit:.2f}" for ms in (read, put, read + put))]
            for kind, (size, read, put) in loading.items()
        ],
        caption=f"loading fp32 = 1; packing the int8 weights alone: {packing / unit:.2f}",
    )


def gains_by_batch(widths, batches, quantize):
    """{batch: speed-ups of int8 over eager fp32, one for each width} of a square linear layer."""
    gains = {batch: [] for batch in batches}
    for width in widths:
        square = nn.Sequential(nn.Linear(width, width)).requires_grad_(False)
        small = quantize(square)
        for batch in batches:
            v = torch.randn(batch, width)
            jobs = {"fp32": lambda m=square, v=v: m(v), "int8": lambda m=small, v=v: m(v)}
            gains[batch].append(timing.compare(jobs, rounds=7, sample_seconds=0.01, device=CPU).ratio("int8"))
    return gains


def batch_curves(widths, gains):
    """Speed-up over the width, a curve for each batch."""
    fig, ax = plots.figure(size=(6.4, 3.9))
    for batch, colour, style in zip(gains, ("blue", "orange", "green"), ("o-", "s-", "^-"), strict=True):
        ax.plot(widths, gains[batch], style, color=plots.COLOURS[colour], label=f"batch {batch}")
    ax.axhline(1, color="black", linestyle=":")
    ax.set(xscale="log", yscale="log", xlabel="width", ylabel="speed-up of int8")
    ax.set_xticks(widths, [str(width) for width in widths])
    ax.set_yticks([0.25, 0.5, 1, 2, 4, 8], ["¼", "½", "1", "2", "4", "8"])
    ax.minorticks_off()
    ax.legend()
    plots.show(
        fig,
        alt="Speed-up of dynamic int8 over eager fp32 against the width of a square layer. "
        + "; ".join(
            f"batch {b}: from {c[0]:.2f} at width {widths[0]} to {c[-1]:.1f} at {widths[-1]:,}"
            for b, c in gains.items()
        )
        + ".",
        caption="Below the dotted line int8 is slower. Both axes are logarithmic.",
    )


def into_the_ledger(net, pixels, stored, accuracy, speedup):
    """Write the rows of the small Transformer, and show them.

    Energy is an estimate: only the linear layers count as int8, and one fetch of the weights from DRAM is priced.

    Args:
        net: in fp32.
        pixels: one image as patches.
        stored, accuracy: by how it is stored.
        speedup: of int8.
    """
    weights = sum(p.numel() for p in net.parameters() if p.dim() > 1)
    macs = energy.count_macs(net, pixels)
    linear = sum(m.weight.numel() for m in net.modules() if isinstance(m, nn.Linear))
    linear_macs = 16 * (linear - net.head.weight.numel()) + net.head.weight.numel()  # the head runs once

    def nanojoules(macs, weights, mac="fp32", bits=32):
        return (macs * energy.MAC_PJ[mac] + weights * energy.READ_32_BIT_PJ["DRAM"] * bits / 32) / 1e3

    bills = {
        "fp32": nanojoules(macs, weights),
        "int8 dynamic": nanojoules(linear_macs, linear, "int8, int32 sum", 8)
        + nanojoules(macs - linear_macs, weights - linear),
    }
    speeds = {"fp32": 1.0, "int8 dynamic": speedup}
    return ledger.table(
        [
            ledger.record(
                lesson="audit",
                task="fashion_mnist",
                model="Transformer",
                technique=kind,
                accuracy=accuracy[kind],
                file_bytes=stored[kind][0],
                load_ms=sum(stored[kind][1:]),
                speedup=speeds[kind],
                energy_nj=bills[kind],
            )
            for kind in bills
        ]
    )
