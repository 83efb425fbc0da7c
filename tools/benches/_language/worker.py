"""A process for one row: it opens a model, and decodes when it is told to; so no engine's threads disturb another's.

It reads one JSON object a line and answers with one. What libraries print goes to the error stream.
"""

import json
import os
import sys
from pathlib import Path

from tools.benches._language import engines, gguf_file, onnx_model, openvino_model, shapes

PREPARED = {  # by family: the file or folder of a kind
    "llama.cpp": "{kind}.gguf",
    "OpenVINO GenAI": "openvino-{kind}",
    "ONNX Runtime GenAI": "onnx-{kind}",
}


def _own(folder: Path, family: str, kind: str) -> Path | None:
    """Where a family keeps its own form of the weights; None for torch, which reads the folder itself."""
    return folder / PREPARED[family].format(kind=kind) if family in PREPARED else None


def _done(to: Path) -> Path:
    """The mark that a file or folder is whole."""
    return to.parent / f"{to.name}.done"


def is_prepared(shape, folder: Path, family: str, kind: str) -> bool:
    """Whether the weights lie there in the form of a family."""
    to = _own(folder, family, kind)
    return shapes.is_saved(shape, folder / "hf") and (to is None or (to.exists() and _done(to).exists()))


def prepare(shape, folder: Path, family: str, kind: str) -> None:
    """Write the weights in the form of a family."""
    if not shapes.is_saved(shape, folder / "hf"):
        for mark in folder.glob("*.done"):  # of other weights
            mark.unlink()
        shapes.save(shape, folder / "hf")
    to = _own(folder, family, kind)
    if to is None:
        return
    if family == "llama.cpp":
        gguf_file.write(shape, folder / "hf", to, kind)
    elif family == "OpenVINO GenAI":
        openvino_model.write(shape, folder / "hf", to, kind)
    else:
        onnx_model.write(folder / "hf", to, kind)
    _done(to).touch()


def opened(shape, folder: Path, family: str, kind: str, how: str) -> engines.Engine:
    """The engine of a row."""
    if family == "bandwidth":
        return engines.Bandwidth()
    if family == "torch":
        return engines.Torch(shape, folder, kind, how)
    made = {
        "llama.cpp": engines.LlamaCpp,
        "OpenVINO GenAI": engines.OpenVino,
        "ONNX Runtime GenAI": engines.OnnxRuntime,
    }
    return made[family](shape, folder, kind)


def answer(engine, prompt, told):
    """Do what one line asks for."""
    if told["do"] == "threads":
        engine.set_threads(told["n"])
        return {}
    if told["do"] == "profile":
        return {"profile": engine.profile(prompt, told["new"])}
    tokens, seconds = engine.decode(prompt, told["new"])
    return {"tokens": tokens, "seconds": seconds}


def main(argv):
    """Serve one row until the input ends: argv is one JSON object with the shape, the folder and the row."""
    replies = os.fdopen(os.dup(1), "w", encoding="utf-8", buffering=1)
    os.dup2(2, 1)
    told = json.loads(argv[0])
    shape, folder = shapes.Shape(**told["shape"]), Path(told["folder"])

    def reply(work):
        try:
            words = work()
        except Exception as error:
            words = {"error": why(error)}
        print(json.dumps(words), file=replies, flush=True)
        return "error" not in words

    if told.get("prepare"):
        return 0 if reply(lambda: prepare(shape, folder, told["family"], told["kind"]) or {}) else 1
    engine = []

    def start():
        engine.append(opened(shape, folder, told["family"], told["kind"], told["how"]))
        return {"bytes": engine[0].bytes_read, "note": getattr(engine[0], "note", "")}

    prompt = shapes.prompt(shape)
    if reply(start):
        for line in sys.stdin:
            reply(lambda line=line: answer(engine[0], prompt, json.loads(line)))
    return 0


def why(error: Exception) -> str:
    """One sentence on an error, for somebody who wants the row."""
    if isinstance(error, ModuleNotFoundError):
        package = (error.name or "?").partition(".")[0]
        return f'The package {package} is not installed; it belongs to the extra "bench-language".'
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return f"{type(error).__name__}: {' '.join(lines)[:200]}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
