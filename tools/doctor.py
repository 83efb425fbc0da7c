"""Say what works on this machine, and what to do about what does not."""

import argparse
import json
import platform

from tools.environment import doctor

MARKS = {"ok": "ok", "warn": "note", "fault": "FAULT"}


def main(argv):
    """Print the findings as a table, or as JSON; returns 1 when one is a fault, else 0."""
    parser = argparse.ArgumentParser(prog="course.py doctor", description=__doc__)
    parser.add_argument("--json", action="store_true", help="print JSON for a question; it names no user")
    options = parser.parse_args(argv)
    findings = doctor.examine()
    faults = sum(finding.status == "fault" for finding in findings)
    if options.json:
        print(
            json.dumps(
                {
                    "system": platform.platform(),
                    "machine": platform.machine(),
                    "faults": faults,
                    "findings": [finding._asdict() for finding in findings],
                },
                indent=1,
            )
        )
    else:
        print_table(findings)
        print(f"{len(findings)} points, {faults or 'no'} fault{'' if faults == 1 else 's'}.")
    return 1 if faults else 0


def print_table(findings):
    """Print a line for each finding, and a second one with the remedy where there is one."""
    width = max(len(finding.name) for finding in findings)
    for finding in findings:
        print(f"{MARKS[finding.status]:<6}{finding.name:<{width + 2}}{finding.detail}")
        if finding.remedy:
            print(" " * (width + 8) + f"-> {finding.remedy}")
