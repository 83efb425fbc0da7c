"""A folder of the Hugging Face format as a model of ONNX Runtime GenAI, made by the builder that comes with it."""

import importlib.util
import sys
from pathlib import Path


def write(folder: Path, to: Path, kind: str) -> None:
    """Write the model to a folder, its matrices in fp32, int8 or int4 (groups of 32)."""
    package = importlib.util.find_spec("onnxruntime_genai")
    if package is None:
        raise ModuleNotFoundError("No module named 'onnxruntime_genai'", name="onnxruntime_genai")
    sys.path.insert(0, str(Path(package.origin).parent / "models"))  # the builder imports its parts from there
    try:
        import builder
    finally:
        del sys.path[0]
    options = ["hf_token=false", *(["int4_block_size=32"] if kind == "int4" else [])]
    where = (None, str(folder), str(to), kind, "cpu", str(to / "cache"))
    builder.create_model(*where, **builder.parse_extra_options(*where, options))
