"""Time a product, an addition and training steps in 16 bits against fp32, and write the record of this machine."""

import argparse
import json
from pathlib import Path

from course_utils.files import slug, write_whole
from course_utils.measure import sixteen_bits
from course_utils.show.tables import Table


def main(argv):
    """Measure, print the table, and write the record; returns 0."""
    parser = argparse.ArgumentParser(prog="course.py bench sixteen_bits", description=__doc__)
    parser.add_argument("--rounds", type=int, default=7, help="samples of each candidate (default: 7)")
    parser.add_argument(
        "--json",
        metavar="FILE",
        type=Path,
        help="write the record to FILE (default: a file named after the chip in records/sixteen_bits/)",
    )
    args = parser.parse_args(argv)
    record = sixteen_bits.recorded(rounds=args.rounds)
    rows = [
        [what, name, f"{median:.2f}", f"{low:.2f} to {high:.2f}"]
        for what, of_kind in record["times_faster"].items()
        for name, (low, median, high) in of_kind.items()
    ]
    print(
        Table(
            ["", "variant", "times faster", "quartiles"],
            rows,
            caption=f"{sixteen_bits.called(record)}, one thread",
        )
    )
    path = args.json or sixteen_bits.FOLDER / f"{slug(sixteen_bits.called(record))}.json"
    write_whole(path, json.dumps(record, indent=1, ensure_ascii=False) + "\n")
    print(f"Written to {path}.")
    return 0
