"""Measure the headline table of quantization: three networks, every route to int8, against two baselines."""

import argparse
import importlib.metadata
import json
import sys
import time
from dataclasses import asdict
from pathlib import Path

import torch

from course_utils import headline, headline_deploy, headline_record, headline_torch, runtime
from course_utils._files import write_whole
from course_utils.headline_profile import profile_int8
from tools import _lessons

COMMAND = "python course.py bench quantization --json records/quantization/headline.json"
PACKAGES = ("torch", "torchvision", "torchao", "onnx", "onnxruntime", "openvino", "nncf")
# By network: the least speed-up over eager fp32 that is claimed, and the one that is aimed at.
CLAIMED = {"BERT-base shape": (1.8, 5.5), "ResNet-50": (2.0, 6.5), "MobileNet-v2": (2.5, 6.5)}
OVER_BEST_FP32 = 1.3
CNN_FILE = 3.5
COSINE = 0.99
PROFILED = "MobileNet-v2"


def main(argv):
    """Measure, print the table, judge the claims and write the record; returns 1 when a claim does not hold."""
    parser = argparse.ArgumentParser(prog="course.py bench quantization", description=__doc__)
    parser.add_argument("--json", metavar="FILE", type=Path, help="write the record to FILE")
    parser.add_argument("--rounds", type=int, default=11, help="samples of each route (default: 11)")
    parser.add_argument("--network", choices=list(headline.NETWORKS), help="measure this one only")
    parser.add_argument("--quick", action="store_true", help="a smoke run: tiny networks, and only the routes that "
                        "need neither a compiler nor another package; nothing is judged")
    args = parser.parse_args(argv)
    if args.rounds < 1:
        parser.error(f"--rounds must be 1 or more, got {args.rounds}")
    torch.set_num_threads(1)
    record = measure([args.network] if args.network else list(headline.NETWORKS), args.rounds, quick=args.quick)
    rows = [headline_record.Row(**row) for row in record["rows"]]
    print(headline_record.table(rows))
    for row in rows:
        if row.why:
            print(f"Not measured: {row.model}, {row.runtime}, {row.variant}. {row.why}")
    if args.json:
        write(record, args.json)
    if args.quick:
        print("A smoke run of tiny networks: nothing is judged.")
        return 0
    sentences, good = judge(rows, fast_int8=headline_record.has_fast_int8())
    print("\n".join(sentences))
    return 0 if good else 1


def measure(names, rounds, *, quick=False):
    """Measure networks one after another.

    Args:
        names: keys of `headline.NETWORKS`.
        rounds: samples a route.
        quick: tiny networks and few routes.
    Returns:
        dict: the record, plain values only.
    """
    start, rows, control, profiles = time.time(), [], {}, {}
    for name in names:
        print(f"{name}: building every route", file=sys.stderr)
        network = headline.NETWORKS[name](tiny=quick)
        control[name] = headline.control_cosine(network)
        routes = headline_torch.routes(network, live=quick) + ([] if quick else headline_deploy.routes(network))
        rows += headline.measure(network, routes, rounds=rounds)
        if name == PROFILED:
            profiles[name] = profile_int8(network, calls=1 if quick else 5).as_dict()
        del network  # the next one needs the memory
    return {"date": time.strftime("%Y-%m-%d"), "command": COMMAND, "machine": {**runtime.machine(), "threads": 1},
            "versions": versions(), "engines": list(torch.backends.quantized.supported_engines),
            "rounds": rounds, "tiny": quick, "seconds": round(time.time() - start),
            "control_cosine": control, "rows": [asdict(row) for row in rows], "profile": profiles}


def versions():
    """Give the version of Python and of each package that takes part; None for one that is not installed."""
    found = {"python": ".".join(map(str, sys.version_info[:3]))}
    for package in PACKAGES:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            found[package] = None
    return found


def judge(rows, *, fast_int8):
    """Compare rows with what the course claims.

    Args:
        rows: of any networks.
        fast_int8: whether this machine has fast int8; without it no claim of speed is judged.
    Returns:
        (sentences, good): what was found, and whether all that was judged holds.
    """
    sentences, good = [], True
    if not fast_int8:
        sentences.append("This machine has no fast int8 (neither VNNI nor AMX, or no engine but qnnpack): the claims "
                         "of speed are shown and not judged.")
    for name in dict.fromkeys(row.model for row in rows):
        mine = [row for row in rows if row.model == name and row.why is None]
        sentences += [baseline(mine)]
        for judged, holds, text in claims(name, mine):
            judged = judged and (fast_int8 or "speed" not in text)
            word = "holds" if holds else "does not hold" if judged else "not reached"
            sentences.append(f"{word}: {text}")
            good = good and (holds or not judged)
    return sentences, good


def baseline(rows):
    """Say how good eager fp32 is here: a slow baseline flatters whatever is compared with it."""
    eager = next(row for row in rows if row.variant == headline_record.EAGER)
    best = min((row for row in rows if row.variant.startswith("fp32")), key=lambda row: row.median_ms)
    share = best.median_ms / eager.median_ms
    flatters = f"; a speed-up over eager flatters int8 by {1 / share:.1f}" if share < 0.8 else ""
    return (f"{eager.model}: eager fp32 runs at {share:.0%} of the speed of the best fp32 found "
            f"({best.runtime}: {best.variant}){flatters}.")


def claims(name, rows):
    """List (judged, holds, sentence) for one network."""
    eager = next(row for row in rows if row.variant == headline_record.EAGER)
    older = [row for row in rows if row.runtime == "torch" and row.variant.startswith(("int8 dynamic", "int8 static"))]
    if not older:
        return [(True, False, f"{name} ran in int8 by no route of torch.ao.quantization, see above.")]
    fast = max(older, key=lambda row: row.speedup_over_eager)
    best = max(older, key=lambda row: row.speedup_over_best_fp32)
    least, aim = CLAIMED[name]
    over = fast.speedup_over_eager
    found = [(True, over >= least, f"{name} in int8 has ≥ {least:g} times the speed of eager fp32: {over:.2f} "
              f"({fast.variant})."),
             (False, over >= aim, f"the aim, {aim:g} times the speed of eager fp32: {over:.2f}."),
             (True, best.speedup_over_best_fp32 >= OVER_BEST_FP32,
              f"{name} in int8 has ≥ {OVER_BEST_FP32:g} times the speed of torch's best fp32 ({best.best_fp32}): "
              f"{best.speedup_over_best_fp32:.2f} ({best.variant}).")]
    if name != "BERT-base shape":
        states = [row.file_bytes for row in older if "traced" not in row.variant]  # a traced file holds its code too
        smaller = eager.file_bytes / max(states) if states else 0.0
        found.append((True, smaller >= CNN_FILE, f"the int8 file is ≥ {CNN_FILE:g} times smaller: {smaller:.2f}."))
    worst = min(rows, key=lambda row: row.cosine)
    return [*found, (True, worst.cosine >= COSINE, f"every output agrees with eager fp32, cosine ≥ {COSINE:g}: at "
                     f"least {worst.cosine:.4f} ({worst.runtime}: {worst.variant}).")]


def write(record, path):
    """Write a record as JSON, whole or not at all."""
    write_whole(path, json.dumps(record, indent=1, ensure_ascii=False) + "\n")
    inside = path.resolve().is_relative_to(_lessons.ROOT)
    print(f"Record: {path.resolve().relative_to(_lessons.ROOT).as_posix() if inside else path}", file=sys.stderr)
