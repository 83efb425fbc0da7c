"""The one import of transformers: offline, silent, and with one sentence where it is not installed."""

from __future__ import annotations

import os
import warnings
from types import ModuleType

INSTALL = 'pip install -c constraints.txt -e ".[llm]"'


class Missing(ImportError):
    """A package of the extra is not installed; a notebook shows the sentence and no traceback."""

    def _render_traceback_(self) -> list[str]:
        return [str(self)]


def transformers() -> ModuleType:
    """The package, which asks no network from then on.

    Raises:
        Missing: it is not installed, or cannot be loaded; says how to install the extra.
    """
    os.environ["HF_HUB_OFFLINE"] = os.environ["TRANSFORMERS_OFFLINE"] = "1"  # read when the package is imported
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "IProgress not found")  # its bars would be drawn; they are switched off
            import safetensors  # noqa: F401  the message should name what is missing
            import tqdm.auto  # noqa: F401  transformers imports it later, where nothing holds the remark back
            import transformers
    except ImportError as error:
        name = (error.name or "transformers").partition(".")[0]
        raise Missing(f"{name} is not installed. In the folder of the course: {INSTALL}", name=name) from None
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    return transformers
