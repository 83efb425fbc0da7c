"""The page *Your sweep on many machines*: its own files, run by processes and by a Dask cluster on this machine."""

import os
import re
import subprocess
import sys

import pytest

from course_utils.files import ROOT
from records.lottery import Results

FILE = re.compile(r"^```python\n# (\w+\.py)\n(.*?)^```", re.M | re.S)


@pytest.mark.slow
def test_the_files_of_the_page_run_and_processes_and_a_cluster_find_the_same(tmp_path):
    page = (ROOT / "docs" / "sweeps.md").read_text(encoding="utf-8")
    for name, text in FILE.findall(page.replace("Executor(2", "Executor(1").replace("in (0, 1, 2)", "in (0,)")):
        text = text.replace('"threads_per', '"n_workers": 1, "threads_per')  # each process imports torch
        (tmp_path / name).write_text(text, encoding="utf-8")

    def run(name):
        environment = {**os.environ, "COURSE_QUICK": "1"}
        done = subprocess.run([sys.executable, name], cwd=tmp_path, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout

    found = run("on_all_cores.py")
    assert len(found.splitlines()) == 3
    assert run("on_many_machines.py") == found
    assert "n=2" in run("tickets.py")
    assert len(Results.load(tmp_path / "tickets.json")[0].records) == 2 * 10
