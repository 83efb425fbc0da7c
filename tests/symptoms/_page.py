"""The page of symptoms, read: its rows, and the code in them."""

import re

from course_utils.files import ROOT

PAGE = (ROOT / "docs" / "symptoms.md").read_text(encoding="utf-8")
ROWS = dict(re.findall(r"^### (.+)\n((?:.|\n)*?)(?=^##|\Z)", PAGE, re.M))
CODE = re.compile(r"^```python\n(.*?)^```", re.M | re.S)
