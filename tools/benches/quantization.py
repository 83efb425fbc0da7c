"""Measure the headline table of quantization: three networks, every route to int8, against two baselines."""

import argparse
import json
import sys
import time
from dataclasses import asdict
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

import psutil
import torch

from course_utils import runtime
from course_utils.door import command
from course_utils.files import ROOT, write_whole
from course_utils.int8_routes import compare, networks, other_runtimes, torch_eager
from course_utils.int8_routes import record as int8_record
from course_utils.int8_routes.profile import profile_int8
from course_utils.measure import timing
from course_utils.scorecard import claims
from tools.benches import _runs

COMMAND = "python course.py bench quantization --peers"
AIM_BEHIND = 1.15  # torch's best int8 is to take at most this, in times of the best peer's
PEERS = ("onnx", "onnxscript", "onnxruntime", "openvino", "nncf")
LESSON = "choosing"  # whose claims are judged
OVER_EAGER = {  # by network: the claim, and the speed-up that is aimed at
    "BERT-base shape": ("bert-over-eager", 5.5),
    "ResNet-50": ("resnet-over-eager", 6.5),
    "MobileNet-v2": ("mobilenet-over-eager", 6.5),
}
PROFILED = "MobileNet-v2"
ATTEMPTS = 3  # at a network whose times are too far apart to judge
KEPT = ROOT / "build" / "bench" / "quantization.json"  # the networks of a run that has not come to its end


class Finding(NamedTuple):
    """What was found of a claim: its kind ("aim" where nothing is claimed), whether it holds, one sentence."""

    kind: str
    holds: bool
    text: str


def main(argv):
    """Measure, print the table, judge the claims and write the record; returns 1 when a claim does not hold."""
    parser = argparse.ArgumentParser(prog="course.py bench quantization", description=__doc__)
    parser.add_argument(
        "--json",
        metavar="FILE",
        type=Path,
        help="write the record to FILE (default: with --peers and all networks, this processor's file in "
        "records/quantization/)",
    )
    parser.add_argument("--rounds", type=int, default=11, help="samples of each route (default: 11)")
    parser.add_argument("--network", choices=list(networks.NETWORKS), help="measure this one only")
    parser.add_argument("--peers", action="store_true", help="ONNX Runtime and OpenVINO too (the extra deploy)")
    parser.add_argument(
        "--quick",
        action="store_true",
        help="a smoke run: tiny networks, and only the routes that "
        "need neither a compiler nor another package; nothing is judged",
    )
    parser.add_argument(
        "--resume", action="store_true", help="go on with a run that was stopped: its networks that are done stay"
    )
    args = parser.parse_args(argv)
    if args.rounds < 1:
        parser.error(f"--rounds must be 1 or more, got {args.rounds}")
    torch.set_num_threads(1)
    names = [args.network] if args.network else list(networks.NETWORKS)
    peers = args.peers and not args.quick and not missing_peers()
    how = {"rounds": args.rounds, "peers": peers, "quick": args.quick}
    parts = _runs.kept(KEPT, {**how, **_here()}, "networks") if args.resume else {}
    try:
        record = measure(names, args.rounds, peers=peers, quick=args.quick, parts=parts)
    except KeyboardInterrupt:
        print(f"\nStopped. {go_on(argv, parts)}", file=sys.stderr)
        return 130
    unsteady = record.pop("unsteady", {})
    rows = [int8_record.Row(**row) for row in record["rows"]]
    print(int8_record.table(rows))
    for row in rows:
        if row.why:
            print(f"Not measured: {row.model}, {row.runtime}, {row.variant}. {row.why}")
    if not peers:
        print(without_peers(asked=args.peers))
    print(int8_record.spent_table(int8_record.Spent(**one) for one in record["spent"]))
    if unsteady:
        print("\n".join(unsteady.values()))
        print(f"No record was written. Close other programs, wait until the machine is idle. {go_on(argv, parts)}")
        return 1
    KEPT.unlink(missing_ok=True)
    if path := args.json or (int8_record.own_path(record) if peers and not args.network else None):
        write(record, path)
    if args.quick:
        print("A smoke run of tiny networks: nothing is judged.")
        return 0
    sentences, good = judge(rows, fast_int8=runtime.has_fast_int8())
    print("\n".join(sentences))
    return 0 if good else 1


def missing_peers():
    """Name the packages of the extra deploy that are not installed."""
    return [name for name in PEERS if find_spec(name) is None]


def without_peers(*, asked):
    """Say in one line why ONNX Runtime and OpenVINO are not in the table."""
    missing = missing_peers() if asked else []
    if missing:
        return (
            f"Not measured: ONNX Runtime and OpenVINO. Not installed: {', '.join(missing)}; they belong to the extra "
            'deploy (pip install -e ".[deploy]").'
        )
    return "Not measured: ONNX Runtime and OpenVINO. --peers measures them too, but not in a smoke run."


def measure(names, rounds, *, peers=False, quick=False, parts=None):
    """Measure networks one after another; what is done is kept in a file at once, but in a smoke run.

    Args:
        names: keys of `networks.NETWORKS`.
        rounds: samples a route.
        peers: also in ONNX Runtime and OpenVINO.
        quick: tiny networks and few routes.
        parts: what `kept` gave, and gets what is measured here; its networks are not measured again.
    Returns:
        dict: the record, plain values only; "load" is the system's load before and after, "dates" tells of each network
        when it was measured. "unsteady" is there where times were too far apart to judge: network -> sentence.
    """
    parts, unsteady = {} if parts is None else parts, {}
    how = {"rounds": rounds, "peers": peers, "quick": quick}
    for name in names:
        if name in parts:
            continue
        print(f"{name}: building every route", file=sys.stderr)
        for left in reversed(range(ATTEMPTS)):
            try:
                parts[name] = measure_one(name, **how)
                break
            except timing.Unsteady as error:
                apart = f"the times of {', and of '.join(error.noisy)} were too far apart to judge"
            if left:
                print(f"{name}: {apart}; it is measured again.", file=sys.stderr)
        else:
            unsteady[name] = (
                f"{name} was not measured: {apart}, each time that they were taken. Other programs take the processor."
            )
            print(unsteady[name], file=sys.stderr)
            continue
        if not quick:
            text = json.dumps({**how, **_here(), "networks": parts}, indent=1, ensure_ascii=False)
            write_whole(KEPT, text + "\n")
    done = [parts[name] for name in names if name in parts]
    return {
        **runtime.provenance(),
        "command": COMMAND,
        "engines": list(torch.backends.quantized.supported_engines),
        "rounds": rounds,
        "tiny": quick,
        "seconds": round(sum(part["seconds"] for part in done)),
        "load": [done[0]["load"][0], done[-1]["load"][1]] if done else [],
        "dates": {name: parts[name]["date"] for name in names if name in parts},
        "control_cosine": {name: parts[name]["control_cosine"] for name in names if name in parts},
        "rows": [row for part in done for row in part["rows"]],
        "profile": {name: parts[name]["profile"] for name in names if name in parts and parts[name]["profile"]},
        "spent": [one for part in done for one in part["spent"]],
        **({"unsteady": unsteady} if unsteady else {}),
    }


def measure_one(name, *, rounds, peers, quick):
    """Measure one network; give plain values.

    Raises:
        timing.Unsteady: as `compare.measure`.
    """
    start, before, spent, profile = time.time(), load(), [], None
    network = networks.NETWORKS[name](tiny=quick)
    control = compare.control_cosine(network)
    routes = torch_eager.routes(network, live=quick) + (other_runtimes.routes(network) if peers else [])
    rows = compare.measure(network, routes, rounds=rounds, spent=spent, profiles=1 if quick else 7)
    if name == PROFILED:
        profile = profile_int8(network, calls=1 if quick else 5).as_dict()
    return {
        "date": runtime.provenance()["date"],
        "seconds": time.time() - start,
        "load": [before, load()],
        "control_cosine": control,
        "rows": [asdict(row) for row in rows],
        "profile": profile,
        "spent": [asdict(one) for one in spent],
    }


def _here():
    """What two parts of one record must have in common."""
    told = json.loads(json.dumps(runtime.provenance()))
    return {name: told[name] for name in ("cpu", "flags", "versions", "threads")}


def go_on(argv, parts):
    """How to go on with a run that was stopped."""
    words = [word for word in argv if word != "--resume"]
    again = command("bench", "quantization", *words, *["--resume"] * bool(parts))
    done = f"Kept: {', '.join(parts)}. " if parts else ""
    return f"{done}To go on: {again}"


def load():
    """How many processes wanted a processor in the last minute: what tells a quiet run from a disturbed one."""
    return round(psutil.getloadavg()[0], 2)


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
        sentences.append(
            "This machine has no fast int8 (neither VNNI nor AMX, or no engine but qnnpack): the claims "
            "of speed are shown and not judged."
        )
    for name in dict.fromkeys(row.model for row in rows):
        mine = [row for row in rows if row.model == name and row.why is None]
        sentences += [baseline(mine)]
        for kind, holds, text in findings(name, mine):
            judged = kind != "aim" and (fast_int8 or kind != "speed")
            word = "holds" if holds else "does not hold" if judged else "not reached"
            sentences.append(f"{word}: {text}")
            good = good and (holds or not judged)
    return sentences, good


def baseline(rows):
    """Say how good eager fp32 is here: a slow baseline flatters whatever is compared with it."""
    eager = next(row for row in rows if row.variant == int8_record.EAGER)
    best = min((row for row in rows if row.variant.startswith("fp32")), key=lambda row: row.median_ms)
    share = best.median_ms / eager.median_ms
    flatters = f"; a speed-up over eager flatters int8 by {1 / share:.1f}" if share < 0.8 else ""
    return (
        f"{eager.model}: eager fp32 runs at {share:.0%} of the speed of the best fp32 found "
        f"({best.runtime}: {best.variant}){flatters}."
    )


def findings(name, rows):
    """List what is claimed of one network, as `Finding`."""
    eager = next(row for row in rows if row.variant == int8_record.EAGER)
    older = [row for row in rows if row.runtime == "torch" and row.variant.startswith(("int8 dynamic", "int8 static"))]
    if not older:
        return [Finding("structure", False, f"{name} ran in int8 by no route of torch.ao.quantization, see above.")]
    bounds, (of_network, aim) = claims.read(LESSON), OVER_EAGER[name]
    found = []

    def judge(claim, value, text, by=""):
        holds = bounds[claim].met_by(value)
        found.append(Finding(bounds[claim].kind, holds, f"{text}, {bounds[claim].bound()}: {value:.4g}{by}."))

    fast = max(older, key=lambda row: row.speedup_over_eager)
    judge(of_network, fast.speedup_over_eager, f"{name} in int8 over eager fp32", f" ({fast.variant})")
    reached = fast.speedup_over_eager >= aim
    found.append(Finding("aim", reached, f"the aim over eager fp32, ≥ {aim:g}×: {fast.speedup_over_eager:.4g}."))
    best = max(older, key=lambda row: row.speedup_over_best_fp32)
    over = f"{name} in int8 over torch's best fp32 ({best.best_fp32})"
    judge("least-over-best", best.speedup_over_best_fp32, over, f" ({best.variant})")
    if name != "BERT-base shape":
        states = [row.file_bytes for row in older if "traced" not in row.variant]  # a traced file holds its code too
        judge("recorded-cnn-files", eager.file_bytes / max(states) if states else 0.0, "the int8 file is smaller")
    found += behind(rows)
    worst = min(rows, key=lambda row: row.cosine)
    agree = "every output agrees with eager fp32, least cosine"
    judge("recorded-cosine", worst.cosine, agree, f" ({worst.runtime}: {worst.variant})")
    return found


def behind(rows):
    """Compare torch's fastest int8 with that of the best peer, as an aim; nothing where no peer was measured."""
    return [
        Finding(
            "aim",
            gap.ratio <= AIM_BEHIND,
            f"{name}: torch's best int8 ({gap.torch.variant}) within {AIM_BEHIND:g}x of the best peer "
            f"({gap.peer.runtime}, {gap.peer.variant}): {gap.ratio:.4g}.",
        )
        for name, gap in int8_record.gaps(rows).items()
    ]


def write(record, path):
    """Write a record as JSON, whole or not at all."""
    write_whole(path, json.dumps(record, indent=1, ensure_ascii=False) + "\n")
    inside = path.resolve().is_relative_to(ROOT)
    print(f"Record: {path.resolve().relative_to(ROOT).as_posix() if inside else path}", file=sys.stderr)
