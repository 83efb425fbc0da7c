"""Measure tokens a second of language models: torch, eager, compiled and quantized, against three other engines."""

import argparse
import datetime
import json
import random
import sys
import time
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from statistics import median, quantiles

from course_utils import runtime
from course_utils.door import command
from course_utils.files import ROOT, slug, write_whole
from course_utils.int8_routes import record as int8_record
from course_utils.measure import timing
from course_utils.show.tables import Table
from tools.benches import _runs
from tools.benches._language import shapes
from tools.benches._language.processes import Failed, Process
from tools.benches._language.worker import is_prepared

FOLDER = ROOT / "records" / "language"
HERE = ROOT / "build" / "bench" / "language"  # models in every engine's form, some 20 GB, and compiled code
KEPT = ROOT / "build" / "bench" / "language.json"  # the parts of a run that has not come to its end
AIM_BEHIND = 1.3  # the best peer is to be at most so many times as fast as torch's best
ATTEMPTS = 3  # at a row whose times are too far apart
PACKAGES = ("torch", "torchao", "transformers", "llama-cpp-python", "openvino", "openvino-genai")
PACKAGES += ("onnxruntime", "onnxruntime-genai", "gguf", "nncf")
NEW_TOKENS = 16
WARM_TOKENS = 2
LARGE = 500e6  # weights, from which on other engines are not measured in 32 bits: it takes minutes and shows the same


@dataclass(frozen=True)
class Row:
    """One engine with one kind of weights."""

    family: str
    kind: str
    how: str = ""

    @property
    def name(self) -> str:
        quantized = self.family == "torch" and self.kind.startswith("int")
        return " ".join(word for word in ("torchao" if quantized else self.family, self.how, self.kind) if word)


GROUPS = {  # rows of one group are measured in turn; the groups follow each other, since not all fit into memory
    "32 bits": (
        Row("torch", "fp32", "eager"),
        Row("torch", "fp32", "compiled"),
        Row("llama.cpp", "F32"),
        Row("OpenVINO GenAI", "fp32"),
        Row("ONNX Runtime GenAI", "fp32"),
    ),
    "16 bits": (
        Row("torch", "bf16", "eager"),
        Row("torch", "bf16", "compiled"),
        Row("llama.cpp", "BF16"),
        Row("OpenVINO GenAI", "fp16"),
    ),
    "8 bits": (
        Row("torch", "int8", "compiled"),
        Row("llama.cpp", "Q8_0"),
        Row("OpenVINO GenAI", "int8"),
        Row("ONNX Runtime GenAI", "int8"),
    ),
    "4 bits": (
        Row("torch", "int4", "compiled"),
        Row("llama.cpp", "Q4_0"),
        Row("OpenVINO GenAI", "int4"),
        Row("ONNX Runtime GenAI", "int4"),
    ),
}
BANDWIDTH = Row("bandwidth", "")
EXACT = ("fp32", "F32")  # kinds whose tokens are to be those of torch
TINY = shapes.Shape("tiny", 64, 2, 4, 2, 96, 512, 1e4, runs=2)


def main(argv):
    """Measure, print the table and write the record; returns 1 when a row is unsteady or an output is wrong."""
    parser = argparse.ArgumentParser(prog="course.py bench language", description=__doc__)
    parser.add_argument("--shape", choices=list(shapes.SHAPES), help="measure this one only")
    parser.add_argument("--runs", type=int, help="timed runs of each row (default: 5, of the large shape 3)")
    parser.add_argument(
        "--with-peers",
        action="store_true",
        help="install the other engines first (the extra bench-language: llama.cpp is compiled, which takes minutes "
        "and a C++ compiler); without it, those that are installed are measured and the others named",
    )
    parser.add_argument("--prepare", action="store_true", help="write each engine's form of the weights, and stop")
    parser.add_argument(
        "--json", metavar="FILE", type=Path, help="write the record to FILE (default: records/language/, if all ran)"
    )
    parser.add_argument("--quick", action="store_true", help="a smoke run: a tiny shape, eager torch alone, no record")
    parser.add_argument("--resume", action="store_true", help="go on with a run that was stopped: what is done stays")
    args = parser.parse_args(argv)
    if args.runs is not None and args.runs < 1:
        parser.error(f"--runs must be 1 or more, got {args.runs}")
    groups = {"32 bits": GROUPS["32 bits"][:1]} if args.quick else GROUPS
    chosen = [TINY] if args.quick else [shapes.SHAPES[args.shape]] if args.shape else list(shapes.SHAPES.values())
    failed = prepare(chosen, groups)
    if args.prepare:
        lines = [f"Not prepared: {shape}, {row.name}. {why}" for (shape, row), why in failed.items()]
        print("\n".join(lines) or f"Every model is in {HERE}.")
        return 0
    start = time.monotonic()
    how = {"runs": args.runs, "new_tokens": NEW_TOKENS, "prompt_tokens": shapes.PROMPT, "quick": args.quick}
    parts = _runs.kept(KEPT, {**how, **_here()}, "parts") if args.resume else {}
    try:
        measure(chosen, groups, how, parts, failed)
    except KeyboardInterrupt:
        again = command(
            "bench", "language", *(word for word in argv if word != "--resume"), *["--resume"] * bool(parts)
        )
        print(f"\nStopped. Kept: {', '.join(parts) or 'nothing'}. To go on: {again}", file=sys.stderr)
        return 130
    record = record_of([shape.name for shape in chosen], parts)
    print(table(record))
    print("\n".join(said := sentences(record)))
    print(f"Measured in {time.monotonic() - start:.0f} s.", file=sys.stderr)
    bad = any(line.startswith(("Unsteady", "Wrong")) for line in said)
    whole = not args.quick and not args.shape
    if path := args.json or (own_path() if whole and not bad else None):
        write_whole(path, json.dumps(record, indent=1, ensure_ascii=False) + "\n")
        print(f"Record: {path}", file=sys.stderr)
    elif whole:
        print("No record was written; what was measured is kept: --resume --json FILE writes it.", file=sys.stderr)
    if path:
        KEPT.unlink(missing_ok=True)
    return 1 if bad else 0


def own_path():
    """This processor's record."""
    return FOLDER / f"{slug(int8_record.processor(runtime.provenance()))}.json"


def rows_of(shape, rows):
    """Those rows of a group that are measured on a shape."""
    large = sum(shape.weights()) > LARGE
    return [row for row in rows if row.family == "torch" or not (large and row.kind in EXACT)]


def prepare(chosen, groups):
    """Write each engine's form of each shape, one process each; gives what could not be: (shape's name, row) -> why."""
    failed = {}
    for shape in chosen:
        folder = HERE / slug(shape.name)
        for row in [row for rows in groups.values() for row in rows_of(shape, rows)]:
            if is_prepared(shape, folder, row.family, row.kind):
                continue
            print(f"{shape.name}: writing the weights for {row.name}", file=sys.stderr)
            process = Process(shape, folder, words(row), prepare=True)
            try:
                process.ask()
            except Failed as error:
                failed[shape.name, row] = str(error)
            finally:
                process.close()
    return failed


def words(row):
    """What a process is told of its row."""
    return {"family": row.family, "kind": row.kind, "how": row.how}


def measure(chosen, groups, how, parts, failed):
    """Measure group after group of shape after shape; what is done is added to `parts` and kept in a file at once."""
    for shape in chosen:
        for group, rows in groups.items():
            name = f"{shape.name}, {group}"
            if name in parts:
                continue
            print(f"{name}: {', '.join(row.name for row in rows_of(shape, rows))}", file=sys.stderr)
            able = [row for row in rows_of(shape, rows) if (shape.name, row) not in failed]
            parts[name] = measure_group(shape, able, how["runs"] or shape.runs)
            parts[name]["missing"] |= {row.name: failed[shape.name, row] for row in rows if (shape.name, row) in failed}
            if not how["quick"]:
                write_whole(KEPT, json.dumps({**how, **_here(), "parts": parts}, indent=1) + "\n")


def measure_group(shape, rows, runs):
    """Open every row in a process of its own, and time them in turn, with one thread and with all.

    Returns:
        dict of plain values: "shape"; "bandwidth": threads -> GB/s of each sum; "rows": of each row and number of
        threads its samples in tokens a second, tokens, bytes and profile; "missing": row -> why it was not measured.
    """
    folder, missing, found, bandwidth, open_ones = HERE / slug(shape.name), {}, [], {}, {}

    def ask(row, **told):
        """The answer, or None when the row fails: it is named and leaves the race."""
        try:
            return open_ones[row].ask(**told)
        except Failed as error:
            open_ones.pop(row).close()
            missing[row.name] = str(error)
            return None

    try:
        facts = {}
        for row in (BANDWIDTH, *rows):
            open_ones[row] = Process(shape, folder, words(row))
            facts[row] = ask(row)
        for threads in dict.fromkeys((1, runtime.physical_cores())):
            for row in list(open_ones):
                _ = ask(row, do="threads", n=threads) is None or ask(row, do="decode", new=WARM_TOKENS)
            samples, tokens = timed(ask, open_ones, runs)
            bandwidth[str(threads)] = [1 / second for second in samples.pop(BANDWIDTH, [])]
            for row in [row for row in samples if row in open_ones]:
                profile = ask(row, do="profile", new=4) if row.family == "torch" else None
                found.append(
                    {
                        "engine": row.name,
                        "family": row.family,
                        "kind": row.kind,
                        "threads": threads,
                        "samples": [NEW_TOKENS / second for second in samples[row]],
                        "tokens": tokens[row],
                        "bytes": facts[row]["bytes"],
                        "note": facts[row]["note"],
                        "profile": (profile or {}).get("profile", []),
                    }
                )
    finally:
        for process in open_ones.values():
            process.close()
    return {"shape": shape.name, "bandwidth": bandwidth, "rows": found, "missing": missing}


def timed(ask, open_ones, runs):
    """Samples of each row, in seconds, each round in a new order; rows that swing are taken again."""
    order, samples, tokens = random.Random(0), {}, {}
    again = list(open_ones)
    for _ in range(ATTEMPTS):
        for row in again:
            samples[row] = []
        for _ in range(runs):
            for row in order.sample(again, len(again)):
                if row in open_ones and (said := ask(row, do="decode", new=NEW_TOKENS)):
                    samples[row].append(said["seconds"])
                    tokens[row] = said["tokens"]
        samples = {row: times for row, times in samples.items() if row in open_ones}
        again = [row for row in samples if row is not BANDWIDTH and swings(samples[row])]
        if not again:
            break
    return samples, tokens


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


def record_of(names, parts):
    """Put the parts of a run together: the record, plain values only."""
    mine = [part for part in parts.values() if part["shape"] in names]
    cores = runtime.physical_cores()
    bandwidth = {
        threads: max((one for part in mine for one in part["bandwidth"].get(threads, [])), default=0.0)
        for threads in dict.fromkeys(("1", str(cores)))
    }
    rows, profiles = [], {}
    references = {
        part["shape"]: row["tokens"] for part in mine for row in part["rows"] if row["engine"] == "torch eager fp32"
    }
    every = {**shapes.SHAPES, TINY.name: TINY}
    for part in mine:
        for row in part["rows"]:
            shape = every[part["shape"]]
            low, middle, high = quartiles(row["samples"])
            read = row["bytes"] + shape.cache_bytes(shapes.PROMPT, NEW_TOKENS, cache_element(row))
            same = same_tokens(row["tokens"], references.get(part["shape"], []))
            rows.append(
                {
                    "shape": part["shape"],
                    "engine": row["engine"],
                    "threads": row["threads"],
                    "tokens_per_s": {
                        "median": round(middle, 3),
                        "q1": round(low, 3),
                        "q3": round(high, 3),
                        "runs": len(row["samples"]),
                    },
                    "bytes_per_token": read,
                    "floor_tokens_per_s": round(1e9 * bandwidth[str(row["threads"])] / read, 2),
                    "note": "; ".join(filter(None, (row["note"], said_of(row, same)))),
                    "same_tokens": same,
                }
            )
            if row["profile"]:
                key = f"{part['shape']}, {row['engine']}, {row['threads']}"
                profiles[key] = {name: round(share, 3) for name, share in row["profile"]}
    return {
        "processor": int8_record.processor(runtime.provenance()),
        "versions": {"python": sys.version.split()[0], **installed()},
        "date": datetime.date.today().isoformat(),
        "command": "python3 course.py bench language",
        "prompt_tokens": shapes.PROMPT,
        "new_tokens": NEW_TOKENS,
        "threads": cores,
        "bandwidth_GBps": {"1": round(bandwidth["1"], 2), "all": round(bandwidth[str(cores)], 2)},
        "rows": rows,
        "missing": [
            {"shape": part["shape"], "engine": engine, "why": why}
            for part in mine
            for engine, why in part["missing"].items()
        ],
        "profiles": profiles,
    }


def cache_element(row):
    """Bytes of an element of keys and values, by how the engine keeps them; OpenVINO takes 8 bits where nobody asks."""
    if row["family"] == "OpenVINO GenAI":
        return 4 if row["kind"] == "fp32" else 1
    return 4 if row["family"] == "ONNX Runtime GenAI" or "float32" in row["note"] else 2


def same_tokens(tokens, reference):
    """How many tokens from the first on equal those of torch in fp32; None where there is none to compare with."""
    if not reference:
        return None
    return next((i for i, pair in enumerate(zip(tokens, reference, strict=True)) if pair[0] != pair[1]), len(reference))


def said_of(row, same):
    """What the note of a row says of its spread and of its tokens."""
    told = ["unsteady"] if swings(row["samples"]) else []
    if same is not None and row["kind"] in EXACT:
        told.append(f"first {same} of {NEW_TOKENS + 1} tokens are those of eager fp32" if same else "wrong tokens")
    return ", ".join(told)


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
    """The rows of a record, with the share of the floor that each reaches."""
    rows = [
        [
            row["shape"],
            row["engine"],
            str(row["threads"]),
            f"{row['tokens_per_s']['median']:.3g}",
            f"{row['tokens_per_s']['q1']:.3g} to {row['tokens_per_s']['q3']:.3g}",
            f"{row['bytes_per_token'] / 1e6:.0f}",
            f"{row['floor_tokens_per_s']:.3g}",
            f"{row['tokens_per_s']['median'] / (row['floor_tokens_per_s'] or float('inf')):.0%}",
        ]
        for row in record["rows"]
    ]
    reads = record["bandwidth_GBps"]
    caption = (
        f"{record['processor']}: reads {reads['1']:.3g} GB/s with one thread and {reads['all']:.3g} with "
        f"{record['threads']}. Random weights: speeds and bytes are real, what the models say is not."
    )
    head = ["shape", "engine", "threads", "tokens/s", "quartiles", "MB a token", "floor", "reached"]
    return Table(head, rows, caption=caption)


def sentences(record):
    """Name what is missing, unsteady or wrong, and how torch's best compares with the best peer."""
    found = [f"Not measured: {one['shape']}, {one['engine']}. {one['why']}" for one in record["missing"]]
    for row in record["rows"]:
        where = f"{row['shape']}, {row['engine']}, threads: {row['threads']}"
        if "unsteady" in row["note"]:
            found.append(f"Unsteady each time that it was measured: {where}. Close other programs.")
        if "wrong tokens" in row["note"]:
            found.append(f"Wrong: {where} computes in 32 bits and begins with another token than eager fp32.")
    return found + behind(record)


def behind(record):
    """For each shape and number of threads one sentence: the best peer's speed over torch's best, torch's profile."""
    found = []
    for shape, threads in dict.fromkeys((row["shape"], row["threads"]) for row in record["rows"]):
        mine = [row for row in record["rows"] if (row["shape"], row["threads"]) == (shape, threads)]
        best = {}
        for row in sorted(mine, key=lambda row: row["tokens_per_s"]["median"]):
            best["torch" if row["engine"].startswith("torch") else "peer"] = row
        if len(best) < 2:
            continue
        ratio = best["peer"]["tokens_per_s"]["median"] / best["torch"]["tokens_per_s"]["median"]
        word = "reached" if ratio <= AIM_BEHIND else "not reached"
        text = (
            f"{word}: {shape}, threads: {threads}: torch's best ({best['torch']['engine']}) within {AIM_BEHIND:g}x of "
            f"the best peer ({best['peer']['engine']}): {ratio:.3g}."
        )
        if ratio > AIM_BEHIND:
            spent = record["profiles"].get(f"{shape}, {best['torch']['engine']}, {threads}", {})
            parts = ", ".join(f"{name} {share:.0%}" for name, share in list(spent.items())[:4])
            text += f" Where torch's time lies: {parts or 'not profiled'}."
        found.append(text)
    return found


def _here():
    """What two parts of one record must have in common."""
    told = runtime.provenance()
    return {"cpu": told["cpu"], "flags": list(told["flags"]), "packages": installed()}
