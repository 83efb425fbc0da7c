"""The page of helpers: its examples run as they stand, one after the other, and show what the page says."""

import re

from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output

from tools.publishing.lessons import ROOT

PAGE = ROOT / "docs" / "helpers.md"
EXAMPLES = re.compile(r"^```python\n(.*?)^```", re.M | re.S)


def test_the_examples_run_in_order(monkeypatch):
    monkeypatch.setenv("COURSE_QUICK", "1")
    shell, shown = InteractiveShell(), []
    for example in EXAMPLES.findall(PAGE.read_text(encoding="utf-8")):
        with capture_output() as output:
            result = shell.run_cell(example)
        assert result.success, (example, result.error_in_exec or result.error_before_exec)
        shown.append(output.stdout)
    assert "Sparsity in conv1.weight: 50.00%" in shown[5]
    assert re.search(r"peak .*B on c", shown[7])
    assert re.search(
        r"^Total execution time = \d+\.\d{3} sec\nMax memory used by tensors = [1-9]\d+ bytes$", shown[7], re.M
    )
