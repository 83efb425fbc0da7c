"""Writing a record of many runs, such as those of `course.py lottery --rates` and `course.py bench qat_steps`."""

import json

from course_utils import runtime
from course_utils.files import write_whole


def write(path, command, runs):
    """Write the command and where it ran, then the runs, one a line; whole or not at all.

    Args:
        path: of the record.
        command: that made it.
        runs: dicts of plain values.
    """
    head = json.dumps({"command": command, **runtime.provenance()}, indent=1)
    rows = ",\n".join(json.dumps(run) for run in runs)
    write_whole(path, f'{head[:-2]},\n "runs": [\n{rows}\n]\n}}\n')
