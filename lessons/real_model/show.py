"""Tables, drawings and harnesses of the lesson real_model: each works on what the lesson has made and measured."""

import copy
import json
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional as F

from course_utils.files import ROOT
from course_utils.measure import timing
from course_utils.scorecard import ledger
from course_utils.show import plots
from course_utils.show.tables import Table
from lessons.real_model.llm import count, folder, shapes, speed

RECORDS = ROOT / "records" / "language"
WIDTHS = {"fp32": 32, "F32": 32, "bf16": 16, "BF16": 16, "fp16": 16, "int8": 8, "Q8_0": 8, "int4": 4, "Q4_0": 4}
NO_QUALITY = "random weights: bytes and speed are real, quality is not"
TEXT = """A language model reads a text and says what comes next. It does so one token at a time, and for each token it
reads all of its weights from the memory of the machine. How fast it writes is then a matter of division: the bytes that
must be read, over the bytes that the memory delivers in a second. Whoever wants it faster reads fewer bytes for each
weight, or reads the weights once for several texts, or has fewer weights. None of these ways is free. So one measures: the
bytes, the time, and how well the model foretells a text that it has never seen.
"""


@dataclass(frozen=True)
class Loaded:
    """The model of the lesson.

    Attributes:
        name: of the folder or of the shape.
        model: float32.
        tokenizer: of the folder; None with random weights, where each byte of a text is a token.
        real: whether the weights are those of a trained model.
    """

    name: str
    model: nn.Module
    tokenizer: object
    real: bool

    def encode(self, text):
        """Ids of a text, int64 (n,): by the tokenizer, or its bytes spread over the whole vocabulary."""
        if self.tokenizer is not None:
            return torch.tensor(self.tokenizer(text)["input_ids"])
        vocab = self.model.config.get_text_config().vocab_size
        return torch.tensor([byte * (vocab // 256) for byte in text.encode()])

    def __str__(self):
        n = sum(p.numel() for p in self.model.parameters())
        kind = "weights from the folder" if self.real else NO_QUALITY
        return f"{self.name}, {n:,} weights in float32 ({kind})"


def load(path):
    """The model in a folder, or random weights in the shape of SmolLM2-135M where there is none."""
    if path is None:
        return Loaded("SmolLM2-135M", shapes.random_model(shapes.SMOLLM2_135M), None, False)
    opened = folder.open_folder(path, dtype=torch.float32)
    stops, careful = unlike_the_lesson(opened.model)
    if stops:
        raise folder.FolderError(f"{path}: {stops} Take a model like SmolLM2, of the Llama, Qwen, Gemma or Phi family.")
    if careful:
        print(f"Careful: {careful}")
    return Loaded(Path(path).name, opened.model, opened.tokenizer, True)


def unlike_the_lesson(model):
    """(What stops this lesson, what it rounds otherwise in a model), each a sentence or ""."""
    try:
        count.kv_bytes(model)
        speed.Writer(model, torch.zeros(1, 2, dtype=torch.int64))()
    except (ValueError, AttributeError) as error:
        return f"the lesson cannot write with it token by token. {str(error).rstrip('.')}.", ""
    others = {}
    for name, part in model.named_modules():
        if type(part).__name__ == "FalconLinear":
            return f"{name} is a linear layer of its own kind, which cannot be run with torchao's int8.", ""
        if not isinstance(part, nn.Linear | nn.Embedding):
            size = sum(weight.numel() for weight in part.parameters(recurse=False) if weight.ndim > 1)
            others |= {f"{name} ({type(part).__name__})": size} if size else {}
    if others:
        return "", f"{max(others, key=others.get)} is no linear layer: torchao leaves such weights in floats."
    return "", ""


def refusals():
    """Make bad folders, try to open each, and write what was said."""
    with tempfile.TemporaryDirectory() as place:
        for name, files in BAD.items():
            bad = Path(place, name)
            bad.mkdir()
            for file, content in files.items():
                (bad / file).write_bytes(content)
            try:
                folder.inspect(bad)
            except folder.FolderError as error:
                print(str(error).replace(str(Path(place)) + "/", "").replace(str(Path(place)) + "\\", ""), "\n")


CONFIG = b'{"model_type": "llama"}'
BAD = {
    "half_a_download": {
        "config.json": CONFIG,
        folder.INDEX: b'{"weight_map": {"a": "model-1-of-2.safetensors", "b": "model-2-of-2.safetensors"}}',
        "model-1-of-2.safetensors": b"",
    },
    "pickled": {"config.json": CONFIG, "pytorch_model.bin": b""},
    "own_code": {"config.json": b'{"model_type": "llama", "auto_map": {"AutoModel": "modeling.Own"}}'},
    "not_fetched": {"config.json": CONFIG, folder.WEIGHTS: folder.POINTER + b"/spec/v1"},
}


def kinds_figure(numbers):
    """A bar for each model, cut into the kinds of its weights.

    Args:
        numbers: name of the model -> kind -> how many weights.
    """
    figure, axes = plots.figure(size=(7, 4.6))
    kinds = ("embedding and head", "attention", "feed-forward")
    said = []
    for place, (name, parts) in enumerate(numbers.items()):
        total, below = sum(parts.values()), 0.0
        for kind, colour in zip(kinds, ("orange", "sky", "green"), strict=True):
            share = 100 * parts[kind] / total
            axes.bar(place, share, bottom=below, color=plots.COLOURS[colour], width=0.62)
            short = {"embedding and head": "table and head"}.get(kind, kind)
            axes.text(place, below + share / 2, f"{short}\n{share:.0f} %", ha="center", va="center", fontsize=18)
            below += share
            said.append(f"{name}, {kind}: {share:.0f} per cent")
    labels = [f"{name}\n{sum(parts.values()) / 1e6:,.1f} million" for name, parts in numbers.items()]
    axes.set_xticks(range(len(numbers)), labels, fontsize=18)
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set_visible(False)
    plots.show(
        figure,
        alt=f"A bar for each of two models, cut into three kinds of weights. {'; '.join(said)}.",
        caption="Weights by kind. The norms have less than a thousandth of them and are not drawn.",
    )


def tied_table():
    """What is stored and what one token reads, for SmolLM2's shape with a tied and an untied head."""
    rows = []
    for name, tied in (("tied", True), ("untied", False)):
        model = shapes.empty_model(replace(shapes.SMOLLM2_135M, tied=tied))
        stored = sum(part.numbers for part in count.by_kind(model).values())
        rows.append([name, f"{stored:,}", f"{count.read_bytes(model) // 4:,}"])
    return Table(["head", "numbers stored", "numbers read for a token"], rows, caption="The shape of SmolLM2-135M.")


def floor_table(bandwidth, floor_ms, taken):
    """Bandwidth, floor and measured time of one token.

    Args:
        bandwidth: bytes a second.
        floor_ms: milliseconds that the bytes of a token take.
        taken: `timing.Comparison` with "fp32".
    """
    ms = taken.median_ms("fp32")
    rows = [
        ["memory floor", f"{floor_ms:.0f}", f"{1e3 / floor_ms:.1f}", "1.00"],
        ["PyTorch, fp32", f"{ms:.0f}", f"{1e3 / ms:.1f}", f"{floor_ms / ms:.2f}"],
    ]
    return Table(
        ["one thread", "ms a token", "tokens a second", "of the highest possible speed"],
        rows,
        caption=f"Bandwidth: {bandwidth / 1e9:.1f} GB a second. One text, about 32 tokens before.",
    )


def formats_table(taken, models, bandwidth):
    """Bytes, floor and speed of models, each with its own floor.

    Args:
        taken: `timing.Comparison`.
        models: names of its candidates -> model.
        bandwidth: bytes a second.
    """
    rows = []
    for name, model in models.items():
        n_bytes = count.read_bytes(model, length=32)
        floor, ms = 1e3 * n_bytes / bandwidth, taken.median_ms(name)
        rows.append(
            [
                name,
                f"{n_bytes / 1e6:,.0f}",
                f"{floor:.0f}",
                f"{ms:.0f}",
                f"{taken.ratio(name):.2f}",
                f"{floor / ms:.2f}",
            ]
        )
    return Table(
        ["PyTorch", "MB a token", "floor, ms", "measured, ms", f"speed, × {taken.baseline}", "floor / measured"],
        rows,
        caption="One thread, one text. A speed is the median over rounds, each against fp32 of its round.",
    )


def first_blocks(model, n_blocks):
    """A copy of a model of the Llama family with its first blocks alone; table and head are the model's own."""
    if model.config.model_type != "llama":  # other families have other names inside
        return model
    blocks, short = model.model.layers, copy.copy(model)
    short._modules = dict(model._modules)
    short.model = copy.copy(model.model)
    short.model._modules = dict(model.model._modules)
    short.model.layers = nn.ModuleList(list(blocks)[:n_blocks])
    short.config = short.model.config = copy.deepcopy(model.config)
    short.config.num_hidden_layers = min(n_blocks, len(blocks))
    return short


def in_openvino(model, prompt, bits):
    """A writer in OpenVINO for each width of the weights, or {} with one line that says what is missing."""
    from lessons.real_model.llm import openvino_route

    try:
        graph = openvino_route.converted(model)
        return {f"{b} bits": openvino_route.Writer(model, prompt, bits=b, graph=graph) for b in bits}
    except ImportError as error:
        print(
            f'{error.name} is not installed (pip install -c constraints.txt -e ".[deploy]"): this section stays empty.'
        )
    except ValueError as error:
        print(f"Not in OpenVINO: {error}.")
    return {}


def engine_table(taken, engine, floor_ms):
    """Speed and files in OpenVINO beside PyTorch's float32.

    Args:
        taken: `timing.Comparison` of "PyTorch" and the widths.
        engine: names of the widths -> writer; may be empty.
        floor_ms: of float32.
    """
    rows = []
    for name in taken.samples:
        ms, own = taken.median_ms(name), engine.get(name)
        rows.append(
            [
                f"OpenVINO, {name}" if own else "PyTorch, 32 bits",
                f"{own.file_bytes / 1e6:,.0f}" if own else "–",
                f"{ms:.0f}",
                f"{taken.ratio(name, over='32 bits'):.2f}" if own else "–",
                f"{floor_ms / ms:.2f}",
            ]
        )
    return Table(
        ["4 blocks and head", "file, MB", "ms a token", "speed, × its 32 bits", "floor of fp32 / measured"],
        rows,
        caption="One thread. Above 1 in the last column: faster than float32 can be from this memory.",
    )


def records():
    """The records of the bench `language`, one a processor: [] where none was made."""
    if not RECORDS.is_dir():
        return []
    return [json.loads(path.read_text(encoding="utf-8")) for path in sorted(RECORDS.glob("*.json"))]


def records_table():
    """Of the first record, for each shape, number of threads and width, PyTorch's best and the best other engine.

    Where there is no record, a sentence says so.
    """
    found = records()
    if not found:
        print("No record of the bench so far: python course.py bench language makes one for this processor.")
        return None
    record, best = found[0], {}
    for row in record["rows"]:
        place = best.setdefault((row["shape"], row["threads"], WIDTHS[row["engine"].split()[-1]]), {})
        own = "torch" if row["engine"].startswith("torch") else "other"
        place[own] = max(row, place.get(own, row), key=lambda one: one["tokens_per_s"]["median"])
    rows = []
    for (shape, threads, width), two in best.items():
        told = [_in_the_record(two.get(who)) for who in ("torch", "other")]
        rows.append([shape, threads, width, *(cell for cells in told for cell in cells)])
    head = ["shape", "threads", "bits", "PyTorch's best", "tokens/s", "of its floor", "best other engine", "tokens/s"]
    return Table(
        [*head, "of its floor"],
        rows,
        caption=f"{record['processor']}, {record['date']}. Random weights: bytes and speed are real, quality is not.",
    )


def _in_the_record(row):
    """Engine, tokens a second, and their share of what the bytes allow; dashes where it was not measured."""
    if row is None:
        return ["–"] * 3
    speed_, floor = row["tokens_per_s"]["median"], row.get("floor_tokens_per_s")
    return [row["engine"], f"{speed_:.1f}", f"{speed_ / floor:.2f}" if floor else "–"]


def files_table(files, models):
    """Files that were loaded again, and what is in them.

    Args:
        files: name -> `sizes.SizeReport`.
        models: name -> model.
    """
    rows = []
    for name, report in files.items():
        parts, model = count.by_kind(models[name]), models[name]
        table = parts.get("embedding", parts.get("embedding and head")).bytes
        head = "the same" if count.is_tied(model) else f"{parts['head'].bytes / 1e6:,.0f}"
        rest = sum(
            part.bytes for kind, part in parts.items() if kind not in ("embedding", "head", "embedding and head")
        )
        rows.append([name, f"{report.file_bytes / 1e6:,.0f}", f"{table / 1e6:,.0f}", head, f"{rest / 1e6:,.0f}"])
    return Table(
        ["", "file, MB", "table", "head", "blocks and norms"], rows, caption="Megabytes; saved, loaded, and compared."
    )


def perplexity_table(perplexity, n_tokens, loaded):
    """Perplexities, beside the size of the vocabulary.

    Args:
        perplexity: name -> value; the first is the measure.
        n_tokens: of the text.
        loaded: `Loaded`.
    """
    vocab, plain = loaded.model.config.get_text_config().vocab_size, next(iter(perplexity.values()))
    rows = [
        [name, f"{value:,.1f}", f"{value / vocab:.3g}", f"{value / plain:.4f}"] for name, value in perplexity.items()
    ]
    kind = (
        "Real weights: a quality, on this text."
        if loaded.real
        else "Random weights: NO quality, a check of the program."
    )
    return Table(
        ["", "perplexity", f"over the vocabulary, {vocab:,}", "× fp32"], rows, caption=f"{n_tokens:,} tokens. {kind}"
    )


MATRICES = {"134 MB": (8192, 4096), "4 kB": (32, 32)}  # rows, width
INPUTS = 4


def product_ms(width, rows, seeds=7):
    """The instrument of Exercise 1 with a clock: arm -> the least milliseconds of some runs, in turn.

    Args:
        width: inputs of the matrix.
        rows: its outputs.
        seeds: how many runs.
    """
    matrix = torch.ones(rows, width)
    few, many, half = torch.ones(INPUTS, width), torch.ones(2 * INPUTS, width), matrix[: rows // 2]
    jobs = {
        "as it is": lambda: F.linear(few, matrix),
        "half the bytes": lambda: F.linear(many, half),
        "twice the operations": lambda: F.linear(many, matrix),
    }
    taken = timing.compare(jobs, rounds=seeds, device="cpu")
    return {arm: 1e3 * min(samples) for arm, samples in taken.samples.items()}


def decides_table(ours):
    """Least times of both matrices, and the two quotients of the exercise."""
    rows = []
    for name, least in ours.items():
        base = least["as it is"]
        helps, costs = least["half the bytes"] / base, least["twice the operations"] / base
        rows.append([name, f"{base:.3g}", f"{helps:.2f}", f"{costs:.2f}", decides(helps, costs)])
    return Table(
        ["matrix", "as it is, ms", "half the bytes, ×", "twice the operations, ×", "by the rule of the card"],
        rows,
        caption="Least of seven runs, one thread.",
    )


def decides(helps, costs):
    """The rule of Exercise 1 on its card, from the two quotients."""
    if helps < 0.75:
        return "both" if costs > 1.25 else "bytes"
    return "operations" if costs > 1.25 else "neither"


def record_rows(files, loaded):
    """Write a row of the ledger for each file, and show them."""
    name = loaded.name if loaded.real else f"{loaded.name}, random weights"
    rows = [
        ledger.record(
            lesson="real_model",
            task="own text",
            model=name,
            technique=technique,
            file_bytes=report.file_bytes,
            load_ms=report.load_ms,
        )
        for technique, report in files.items()
    ]
    return ledger.table(rows)
