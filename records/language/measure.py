"""Measure tokens a second of language models, in torch and three other engines: lesson `real_model`."""

import datetime
import os
import random
import sys
from importlib import metadata
from statistics import median, quantiles
from typing import NamedTuple

from course_utils import runtime
from course_utils.files import ROOT, slug
from course_utils.int8_routes.record import processor
from course_utils.measure import timing
from course_utils.show.tables import Table
from records import writing
from records.language import shapes
from records.language.processes import Failed, Process

MODELS = ROOT / "build" / "bench" / "language"  # in every engine's form, some 20 GB, and compiled code
NEW_TOKENS, WARM_TOKENS = 16, 2
ATTEMPTS = 3  # at a row whose times are too far apart
PACKAGES = ("torch", "torchao", "transformers", "llama-cpp-python", "openvino", "openvino-genai")
PACKAGES += ("onnxruntime", "onnxruntime-genai", "gguf", "nncf")
LARGE = 500e6  # weights, from which on other engines are not measured in 32 bits: it takes minutes and shows the same


class Row(NamedTuple):
    """One engine with one kind of weights."""

    family: str
    kind: str
    how: str = ""

    @property
    def name(self) -> str:
        quantized = self.family == "torch" and self.kind.startswith("int")
        return " ".join(word for word in ("torchao" if quantized else self.family, self.how, self.kind) if word)


GROUPS = (  # rows of one group are measured in turn; the groups follow each other, since not all fit into memory
    (
        Row("torch", "fp32", "eager"),
        Row("torch", "fp32", "compiled"),
        Row("llama.cpp", "F32"),
        Row("OpenVINO GenAI", "fp32"),
        Row("ONNX Runtime GenAI", "fp32"),
    ),
    (
        Row("torch", "bf16", "eager"),
        Row("torch", "bf16", "compiled"),
        Row("llama.cpp", "BF16"),
        Row("OpenVINO GenAI", "fp16"),
    ),
    (
        Row("torch", "int8", "compiled"),
        Row("llama.cpp", "Q8_0"),
        Row("OpenVINO GenAI", "int8"),
        Row("ONNX Runtime GenAI", "int8"),
    ),
    (
        Row("torch", "int4", "compiled"),
        Row("llama.cpp", "Q4_0"),
        Row("OpenVINO GenAI", "int4"),
        Row("ONNX Runtime GenAI", "int4"),
    ),
)
BANDWIDTH = Row("bandwidth", "")
EXACT = ("fp32", "F32")  # kinds whose tokens are to be those of torch


def main(arguments):
    """Measure, print the table and write the record of this processor; half an hour, the first time."""
    own = processor(runtime.provenance())
    parser = writing.options("language", __doc__, ROOT / "records" / "language" / f"{slug(own)}.json")
    parser.add_argument("--shape", choices=list(shapes.SHAPES), help="measure this one only")
    said = "install the other engines first (llama.cpp is compiled); those that are missing are named, not measured"
    parser.add_argument("--with-peers", action="store_true", help=said)
    args = parser.parse_args(arguments)
    chosen = [shapes.SHAPES[args.shape]] if args.shape else list(shapes.SHAPES.values())
    groups = GROUPS
    if runtime.quick():
        chosen, groups = [shapes.TINY], (GROUPS[0][:1],)
    cores = runtime.physical_cores()
    os.environ |= {"OMP_NUM_THREADS": str(cores), "HF_HUB_OFFLINE": "1"}  # of the processes that are started
    os.environ["TORCHINDUCTOR_CACHE_DIR"] = str(MODELS / "compiled")
    rows, missing, bandwidth = [], [], dict.fromkeys((1, cores), 0.0)
    for shape in chosen:
        for group in groups:
            large = sum(shape.weights()) > LARGE
            group = [row for row in group if row.family == "torch" or not (large and row.kind in EXACT)]
            print(f"{shape.name}: {', '.join(row.name for row in group)}", file=sys.stderr)
            rows += measured(shape, group, missing, bandwidth)
    references = {row["shape"]: row["tokens"] for row in rows if row["engine"] == "torch eager fp32"}
    record = {
        "processor": own,
        "versions": {"python": sys.version.split()[0], **installed()},
        "date": datetime.date.today().isoformat(),
        "command": "python3 course.py bench language",
        "prompt_tokens": shapes.PROMPT,
        "new_tokens": NEW_TOKENS,
        "threads": cores,
        "bandwidth_GBps": {"1": round(bandwidth[1], 2), "all": round(bandwidth[cores], 2)},
        "rows": [told(row, bandwidth[row["threads"]], references.get(row["shape"])) for row in rows],
        "missing": missing,
    }
    print(table(record))
    for one in missing:
        print(f"Not measured: {one['shape']}, {one['engine']}. {one['why']}")
    writing.write(args.to, record)


def measured(shape, rows, missing, bandwidth):
    """Open every row in a process of its own, and time them in turn, with one thread and with all.

    Args:
        shape: a `shapes.Shape`.
        rows: of one group.
        missing: gets what could not be measured, and why.
        bandwidth: threads -> the most GB/s that a sum has read so far; it is kept up.
    Returns:
        A dict for each row and number of threads: its `Row`, seconds of each run, tokens, bytes of its weights, note.
    """
    folder, processes, facts, found = MODELS / slug(shape.name), {}, {}, []

    def ask(row, *words):
        """The answer, or None when the row fails: it is named and leaves the race."""
        try:
            return processes[row].ask(*words)
        except Failed as error:
            processes.pop(row).close()
            missing.append({"shape": shape.name, "engine": row.name, "why": str(error)})
            return None

    try:
        for row in (BANDWIDTH, *rows):
            processes[row] = Process(shape, folder, *row)
            ask(row, "prepare")
            if row in processes:
                facts[row] = ask(row, "open")
        for threads in bandwidth:
            for row in list(processes):
                ask(row, "threads", threads)
                if row in processes:
                    ask(row, "decode", WARM_TOKENS)
            seconds, tokens = timed(ask, processes, shape.runs)
            bandwidth[threads] = max([bandwidth[threads], *(1 / one for one in seconds.pop(BANDWIDTH, []))])
            for row, own in seconds.items():
                what = {"shape": shape.name, "engine": row.name, "threads": threads, "row": row}
                found.append({**what, "seconds": own, "tokens": tokens[row], "facts": facts[row]})
    finally:
        for process in processes.values():
            process.close()
    return found


def timed(ask, processes, runs):
    """Seconds of each run and tokens of each row, each round in a new order; rows that swing are taken again."""
    order, seconds, tokens, again = random.Random(0), {}, {}, list(processes)
    for _ in range(ATTEMPTS):
        seconds |= {row: [] for row in again}
        for _ in range(runs):
            for row in order.sample(again, len(again)):
                if row in processes and (answer := ask(row, "decode", NEW_TOKENS)):
                    tokens[row], took = answer
                    seconds[row].append(took)
        again = [row for row in processes if row != BANDWIDTH and swings(seconds[row])]
        if not again:
            break
    return {row: seconds[row] for row in processes}, tokens


def quartiles(values):
    """First quartile, median, third quartile."""
    if len(values) < 2:
        return (values[0],) * 3
    low, _, high = quantiles(values, n=4, method="inclusive")
    return low, median(values), high


def swings(values):
    """Whether values are too far apart to be judged by."""
    low, _, high = quartiles(values)
    return high >= timing.STEADY * low


def told(row, bandwidth, reference):
    """A row as the record has it.

    Args:
        row: what `measured` gave.
        bandwidth: GB/s that as many threads read.
        reference: tokens of torch's eager fp32, or None.
    """
    kind, tokens, (weights, note) = row["row"].kind, row["tokens"], row["facts"]
    low, middle, high = quartiles([NEW_TOKENS / one for one in row["seconds"]])
    shape = {**shapes.SHAPES, shapes.TINY.name: shapes.TINY}[row["shape"]]
    read = weights + shape.cache_bytes(shapes.PROMPT, NEW_TOKENS, cache_element(row["row"], note))
    same, notes = None, [note] if note else []
    if swings(row["seconds"]):
        notes.append("unsteady")
    if reference:
        pairs = enumerate(zip(tokens, reference, strict=True))
        same = next((i for i, (one, other) in pairs if one != other), len(reference))
    if reference and kind in EXACT:
        notes.append(f"first {same} of {NEW_TOKENS + 1} tokens are those of eager fp32" if same else "wrong tokens")
    return {
        **{name: row[name] for name in ("shape", "engine", "threads")},
        "tokens_per_s": {
            "median": round(middle, 3),
            "q1": round(low, 3),
            "q3": round(high, 3),
            "runs": len(row["seconds"]),
        },
        "bytes_per_token": read,
        "floor_tokens_per_s": round(1e9 * bandwidth / read, 2),
        "note": "; ".join(notes),
        "same_tokens": same,
    }


def cache_element(row, note):
    """Bytes of an element of keys and values, by how the engine keeps them; OpenVINO takes 8 bits where nobody asks."""
    if row.family == "OpenVINO GenAI":
        return 4 if row.kind == "fp32" else 1
    return 4 if row.family == "ONNX Runtime GenAI" or "float32" in note else 2


def installed():
    """Versions of the packages that take part, of those that are installed."""
    found = {}
    for name in PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def table(record):
    """The rows of a record: the floor is the speed that bytes and bandwidth allow."""
    rows = [
        [
            row["shape"],
            row["engine"],
            row["threads"],
            f"{row['tokens_per_s']['median']:.3g}",
            f"{row['tokens_per_s']['q1']:.3g} to {row['tokens_per_s']['q3']:.3g}",
            f"{row['bytes_per_token'] / 1e6:.0f}",
            f"{row['floor_tokens_per_s']:.3g}",
            row["note"],
        ]
        for row in record["rows"]
    ]
    head = ["shape", "engine", "threads", "tokens/s", "quartiles", "MB a token", "floor", "note"]
    return Table(head, rows, caption=f"{record['processor']}. Random weights: what the models say is not real.")
