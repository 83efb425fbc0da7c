"""Fresh processes without the seconds in which each imports torch: forks of one that has done nothing else."""

import contextlib
import json
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

# A fork leaves the loop with a folder, outputs and a time limit of its own; to take torch down would cost a second.
PREPARED = """
import json, os, signal, sys, torch, torch._dynamo
for line in sys.stdin:
    text, folder, seconds, *outputs = json.loads(line)
    pid = os.fork()
    if pid == 0:
        break
    print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)
else:
    sys.exit()
os.chdir(folder)
for number, path in enumerate(outputs, 1):
    os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT), number)
signal.setitimer(signal.ITIMER_REAL, seconds)
exec(text, {"__name__": "__main__"})
sys.stdout.flush(), sys.stderr.flush(), os._exit(0)
"""


@contextlib.contextmanager
def runner():
    """Gives what stands in for `subprocess.run([python, "-W", "ignore", "-c", text], …)`, or that where forks harm."""
    if sys.platform != "linux":
        yield subprocess.run
        return

    def run(words, *, cwd, timeout, **others):
        assert words[:-1] == python and others == {"capture_output": True, "encoding": "utf-8"}
        with tempfile.TemporaryDirectory() as folder:
            outputs = [Path(folder, name) for name in ("out", "err")]
            print(json.dumps([words[-1], str(cwd), timeout, *map(str, outputs)]), file=prepared.stdin, flush=True)
            code, said = int(prepared.stdout.readline()), [path.read_text("utf-8") for path in outputs]
        if code == -signal.SIGALRM:
            raise subprocess.TimeoutExpired(words, timeout, *said)
        return subprocess.CompletedProcess(words, code, *said)

    python, pipe = [sys.executable, "-W", "ignore", "-c"], subprocess.PIPE
    with subprocess.Popen([*python, PREPARED], stdin=pipe, stdout=pipe, encoding="utf-8") as prepared:
        yield run
