"""What each kernel of the course's JupyterLab runs first: a NameError then says what to do, before any cell was run."""

import lessons as _lessons  # noqa: F401
