"""Measure three networks in every route to int8, against two baselines in fp32: lesson `choosing`."""

import sys
from dataclasses import asdict

import torch

from course_utils import runtime, timing
from course_utils.files import need
from course_utils.int8_routes import networks
from course_utils.int8_routes import record as int8_record
from records import writing
from records.quantization import compare, in_torch, other_runtimes

PEERS = ("onnx", "onnxscript", "onnxruntime", "openvino", "nncf")
ROUNDS = 11  # samples of each route
ATTEMPTS = 3  # at a network whose times are too far apart


def main(arguments):
    """Measure, print the table and write the record of this processor: a quarter of an hour with the other runtimes."""
    parser = writing.options("quantization", __doc__, int8_record.own_path())
    parser.add_argument("--peers", action="store_true", help="ONNX Runtime and OpenVINO too (the extra deploy)")
    args = parser.parse_args(arguments)
    if args.peers:
        need(*PEERS)
    else:
        print("ONNX Runtime and OpenVINO are left out. The record of the course has them: --peers.")
    torch.set_num_threads(1)
    controls, rows = {}, []
    for name, make in networks.NETWORKS.items():
        network = make()
        routes = in_torch.routes(network, live=runtime.quick())
        routes += other_runtimes.routes(network) if args.peers else []
        controls[name] = compare.control_cosine(network)
        rows += measured(network, routes)
    print(compare.table(rows))
    for row in rows:
        if row.why:
            print(f"Not measured: {row.model}, {row.runtime}, {row.variant}. {row.why}")
    record = {
        **runtime.provenance(),
        "command": "python3 course.py bench quantization" + " --peers" * args.peers,
        "rounds": ROUNDS,
        "control_cosine": controls,
        "rows": [asdict(row) for row in rows],
    }
    writing.write(args.to, record)
    return 0


def measured(network, routes):
    """The rows of one network; where times are too far apart they are taken again.

    Raises:
        timing.Unsteady: they were too far apart each time: other programs take the processor.
    """
    for left in reversed(range(ATTEMPTS)):
        try:
            return compare.measure(network, routes, rounds=ROUNDS)
        except timing.Unsteady as error:
            if not left:
                raise
            print(f"{network.name}: {error} It is measured again.", file=sys.stderr)
