"""The other side of `worker`: starts the process of a row, asks it, and ends it."""

import json
import os
import subprocess
import sys
import threading
from dataclasses import asdict
from pathlib import Path

from course_utils.files import ROOT
from course_utils.runtime import physical_cores

LIMIT = 900  # seconds that an answer may take: to write a large model, or to compile it
WORKER = "tools.benches._language.worker"


class Failed(RuntimeError):
    """A row that cannot be measured; the message is one sentence that says why."""


class Process:
    """The process of one row.

    Args:
        folder: where the shape's files are.
        row: its family, kind and how.
        prepare: write the file, and open nothing.
    """

    def __init__(self, shape, folder: Path, row: dict[str, str], *, prepare: bool = False):
        told = {"shape": asdict(shape), "folder": str(folder), "prepare": prepare, **row}
        compiled = folder.parent / "compiled"
        settings = {
            **os.environ,
            "OMP_NUM_THREADS": str(physical_cores()),
            "HF_HUB_OFFLINE": "1",
            "TORCHINDUCTOR_CACHE_DIR": str(compiled),
        }
        folder.mkdir(parents=True, exist_ok=True)
        self.log = folder / "log.txt"
        with self.log.open("a", encoding="utf-8") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", WORKER, json.dumps(told)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                cwd=ROOT,
                env=settings,
                encoding="utf-8",
            )

    def ask(self, **told) -> dict:
        """Say something and wait for the answer; without words, wait for that to the start.

        Raises:
            Failed: an error in the process, its end, or no answer in time.
        """
        late = threading.Timer(LIMIT, self.process.kill)
        late.start()
        try:
            if told:
                self.process.stdin.write(json.dumps(told) + "\n")
                self.process.stdin.flush()
            line = self.process.stdout.readline()
        except OSError:
            line = ""
        finally:
            gone = not late.is_alive()
            late.cancel()
        if not line:
            status = self.process.wait()
            said = f"gave no answer in {LIMIT} s" if gone else f"ended with {status}"
            raise Failed(f"Its process {said}; what it printed is in {self.log}.")
        words = json.loads(line)
        if "error" in words:
            raise Failed(words["error"])
        return words

    def close(self) -> None:
        """End the process, whatever it is doing."""
        self.process.kill()
        self.process.wait()
        for stream in (self.process.stdin, self.process.stdout):
            try:
                stream.close()
            except OSError:  # the other side is gone with words that it never read
                pass
