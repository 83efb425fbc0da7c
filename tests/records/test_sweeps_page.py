"""The page *Your sweep on many machines*: its own files, run by processes and by a Dask cluster on this machine."""

import os
import re
import subprocess
import sys

import pytest

from course_utils.files import ROOT

FILE = re.compile(r"^```python\n# (\w+\.py)\n(.*?)^```", re.M | re.S)


@pytest.mark.slow
def test_the_files_of_the_page_run_and_processes_and_a_cluster_find_the_same(tmp_path):
    page = (ROOT / "docs" / "sweeps.md").read_text(encoding="utf-8")
    # One process each, since each imports torch; and for the same reason the two that sweep are one script here.
    page = page.replace("Executor(2", "Executor(1").replace('"threads_per', '"n_workers": 1, "threads_per')
    rates, *sweeps = (text for _, text in FILE.findall(page.replace("in (0, 1, 2)", "in (0,)")))
    (tmp_path / "rates.py").write_text(rates, encoding="utf-8")
    (tmp_path / "sweeps.py").write_text("\n".join(sweeps), encoding="utf-8")
    environment = {**os.environ, "COURSE_QUICK": "1"}
    words = [sys.executable, "sweeps.py"]
    done = subprocess.run(words, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    found = done.stdout.splitlines()
    assert len(sweeps) == 2 and len(found) == 6 and found[:3] == found[3:]
