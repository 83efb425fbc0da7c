"""Opens a language model from a folder on this machine, or says what is wrong with the folder.

Nothing is downloaded, and nothing in the folder is run: weights are read from safetensors files, which hold numbers
and their names and nothing else, and a folder that brings Python code or pickled weights is refused.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from lessons.real_model.llm import _package

WEIGHTS, INDEX = "model.safetensors", "model.safetensors.index.json"
PICKLED = ("*.bin", "*.pt", "*.pth", "*.ckpt", "*.pkl")  # files that Python's pickle reads, which can run code
FLOATS = {"F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16}
POINTER = b"version https://git-lfs"  # what stands in a file that Git has not fetched yet
MOST_NAMED = 3


class FolderError(ValueError):
    """A folder that is no model, or one that is refused: says what is wrong, and what to do."""


@dataclass(frozen=True)
class Opened:
    """A model with what belongs to it.

    Attributes:
        model: takes ids (batch, tokens), gives an output with `logits`; in evaluation mode, without gradients.
        tokenizer: text to ids and back.
        stored: the dtype in which the files hold the weights.
        file_bytes: of all weight files.
    """

    model: nn.Module
    tokenizer: object
    stored: torch.dtype
    file_bytes: int


def open_folder(folder: str | Path, *, dtype: torch.dtype | None = None) -> Opened:
    """Load model and tokenizer.

    Args:
        folder: with config.json, tokenizer.json and the weights, as ``hf download`` leaves it.
        dtype: of the loaded weights; None = as they are stored.
    Raises:
        FolderError: something is missing, damaged or refused.
        Missing: the extra "llm" is not installed.
    """
    folder = Path(folder).expanduser()
    files, stored = inspect(folder)
    library = _package.transformers()
    safe = {"local_files_only": True, "trust_remote_code": False}
    try:
        model, info = library.AutoModelForCausalLM.from_pretrained(
            folder, dtype=dtype or stored, use_safetensors=True, output_loading_info=True, **safe
        )
    except Exception as error:  # whatever the library meets in these files
        raise FolderError(f"{folder}: {_not_built(error)}") from error
    named = [str(name) for name in model.config.architectures or ()]
    writes = any(n == type(model).__name__ or n.endswith(("ForCausalLM", "LMHeadModel")) for n in named)
    headless = type(model.base_model).__name__ in named and not info["missing_keys"]  # its table serves as the head
    encoder = getattr(model.config, "is_decoder", True) is False
    if encoder or named and not writes and not headless:
        raise FolderError(
            f"{folder}: by config.json these are the weights of {_some(named)}{' (is_decoder: false)' * encoder}, which "
            "does not say what token comes next. Take a causal model: its config.json names one like LlamaForCausalLM."
        )
    if info["missing_keys"]:
        raise FolderError(f"{folder}: the weight files lack {_some(info['missing_keys'])}. {AGAIN}")
    beyond = {name for name in info["unexpected_keys"] if ".layers." in name and name.endswith(".weight")}
    if beyond:
        raise FolderError(
            f"{folder}: the weight files hold {_some(beyond)}, and config.json describes a model without them. "
            f"The two belong to different models. {AGAIN}"
        )
    broken = [name for name, weight in model.named_parameters() if not torch.isfinite(weight).all()]
    if broken:
        raise FolderError(f"{folder}: {_some(broken)} holds values that are no finite numbers. {AGAIN}")
    try:
        tokenizer = library.AutoTokenizer.from_pretrained(folder, **safe)
    except Exception as error:
        raise FolderError(f"{folder}: the tokenizer cannot be read ({_line(error)[:-1]}). {AGAIN}") from error
    rows = model.get_input_embeddings().weight.shape[0]
    if len(tokenizer) > rows:
        raise FolderError(
            f"{folder}: the tokenizer knows {len(tokenizer):,} tokens, the model {rows:,}: they belong to different "
            "models. Take both from one download."
        )
    return Opened(model.eval().requires_grad_(False), tokenizer, stored, sum(f.stat().st_size for f in files))


AGAIN = "Download the folder again."


def _not_built(error: Exception) -> str:
    """What is wrong where the library could not build the model, and what to do."""
    said = _line(error)
    if "ignore_mismatched_sizes" in said:
        return (
            "the model cannot be built, because the weights have other shapes than config.json describes (width, heads "
            "or tokens). Take config.json and the weights from one download."
        )
    if "model type" in said and "not recognize" in said:
        return (
            f"the model cannot be built. {said} Take a model of another architecture, or update transformers if this "
            "one is newer."
        )
    if "Unrecognized configuration class" in said:
        return (
            "it is no causal model, which says what token comes next, but an encoder, an encoder with a decoder, or no "
            "language model at all. Take a folder whose config.json names one like LlamaForCausalLM."
        )
    return f"the model cannot be built. {said} {AGAIN}"


def inspect(folder: str | Path) -> tuple[list[Path], torch.dtype]:
    """Look at a folder without loading its weights; needs no package of the extra.

    Returns:
        (weight files, dtype of most of their numbers).
    Raises:
        FolderError: as `open_folder`, but for what only building the model shows.
    """
    folder = Path(folder).expanduser()
    if not folder.is_dir():
        place = "" if folder.is_absolute() else f" in {Path.cwd()}"
        raise FolderError(f"{folder} is no folder{place}. Give the path of the folder that holds config.json.")
    if not (folder / WEIGHTS).is_file() and (folder / "adapter_config.json").is_file():
        base = _json(folder / "adapter_config.json", "").get("base_model_name_or_path", "another model")
        raise FolderError(
            f"{folder} holds an adapter (LoRA) for {base}, and no model. With the package peft, merge the two and open "
            "the result: AutoPeftModelForCausalLM.from_pretrained(folder).merge_and_unload().save_pretrained(merged), "
            "and save the tokenizer there."
        )
    inner = [path.parent for pattern in ("*", "snapshots/*") for path in folder.glob(f"{pattern}/config.json")]
    if inner and not (folder / "config.json").is_file():
        raise FolderError(f"{folder} has no config.json, but a folder in it has one. Give that path: {_some(inner)}.")
    config = _json(folder / "config.json", "It says which architecture the model has.")
    for name in ("config.json", "tokenizer_config.json"):
        if (folder / name).is_file() and "auto_map" in _json(folder / name, ""):
            raise FolderError(
                f"{folder}: {name} names Python code of its own (auto_map), which would have to be run. The course "
                "runs no code from a download. Take a model whose architecture transformers knows."
            )
    if "quantization_config" in config:
        raise FolderError(
            f"{folder}: these weights are quantized already. Take the float model that they were made of."
        )
    if "model_type" not in config:
        raise FolderError(
            f"{folder}: config.json names no model_type: it is none of transformers. Take a causal model."
        )
    files = _weight_files(folder)
    stored = _dtype(files)
    if not (folder / "tokenizer.json").is_file():
        raise FolderError(
            f"{folder} has no tokenizer.json. Without it no text becomes numbers that this model knows. Take the "
            "tokenizer from the same download; one of another model does not fit."
        )
    return files, stored


def _json(path: Path, what: str) -> dict:
    if not path.is_file():
        raise FolderError(f"{path.parent} has no {path.name}. {what} {AGAIN}")
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, OSError) as error:
        raise FolderError(f"{path} cannot be read as JSON: {_line(error)} {AGAIN}") from None
    if not isinstance(content, dict):
        raise FolderError(f"{path} holds no table of names and values. {AGAIN}")
    return content


def _weight_files(folder: Path) -> list[Path]:
    """The safetensors files of a folder, all there."""
    if (folder / WEIGHTS).is_file():
        return [folder / WEIGHTS]
    if (folder / INDEX).is_file():
        places = _json(folder / INDEX, "").get("weight_map")
        if not isinstance(places, dict) or not places or not all(isinstance(name, str) for name in places.values()):
            raise FolderError(f"{folder / INDEX} has no weight_map, which says where each weight lies. {AGAIN}")
        names = sorted(set(places.values()))
        if any(Path(name).name != name for name in names):
            raise FolderError(f"{folder / INDEX} names files outside of its folder. Do not use this download.")
        missing = [name for name in names if not (folder / name).is_file()]
        if missing:
            raise FolderError(
                f"{folder}: {len(missing)} of {len(names)} weight files are missing: {_some(missing)}. The download "
                "was not finished: start it again, and it goes on where it stopped."
            )
        return [folder / name for name in names]
    for kind, pattern in ((INDEX, f"{INDEX.removesuffix('json')}*.json"), (WEIGHTS, "model.*.safetensors")):
        for path in sorted(folder.glob(pattern)):  # a variant, such as model.fp16.safetensors
            if "-of-" in path.name:
                continue  # a shard, whose index is missing
            raise FolderError(
                f"{folder}: the weights are there under another name, {path.name}. Rename that file to {kind}."
            )
    pickled = sorted(path.name for pattern in PICKLED for path in folder.glob(pattern))
    if pickled:
        raise FolderError(
            f"{folder}: the weights are pickled ({_some(pickled)}). Python's pickle can run any code when such a file "
            "is opened, so the course refuses it. Take a version of the model with files that end in .safetensors."
        )
    if any(folder.glob("*.gguf")):
        raise FolderError(f"{folder} holds a GGUF file, which is for llama.cpp. Take the version in safetensors.")
    others = [path.name for ending in ("safetensors", "h5", "msgpack", "onnx") for path in folder.glob(f"*.{ending}")]
    others = [name for name in others if "-of-" not in name]
    if others:
        raise FolderError(
            f"{folder} has no {WEIGHTS}. It holds the model in another form ({_some(others)}): take the files that "
            "transformers writes, model.safetensors or model-00001-of-….safetensors with their index."
        )
    raise FolderError(f"{folder} has no {WEIGHTS} and no {INDEX}, so the weights are missing. {AGAIN}")


def _dtype(files: list[Path]) -> torch.dtype:
    """The dtype of most numbers in the headers of safetensors files; refuses what is no float."""
    count: dict[str, int] = {}
    for path in files:
        for name, entry in _header(path).items():
            kind, shape = entry["dtype"], entry["shape"]
            if kind not in FLOATS:
                raise FolderError(
                    f"{path}: {name} is stored as {kind}. The course expects float weights ({', '.join(FLOATS)}) and "
                    "quantizes them itself. Take the float model."
                )
            count[kind] = count.get(kind, 0) + int(torch.Size(shape).numel())
    if not count:
        raise FolderError(f"{files[0].parent}: the weight files hold no weight. {AGAIN}")
    return FLOATS[max(count, key=count.get)]


def _header(path: Path) -> dict[str, dict]:
    """Name -> dtype, shape and place, from the front of a safetensors file; the file must be as long as they say.

    The format: 8 bytes with the length of the header, the header as JSON, then the numbers
    (https://github.com/huggingface/safetensors, "Format").
    """
    with path.open("rb") as file:
        start = file.read(8)
        if POINTER.startswith(start) and start:
            raise FolderError(f"{path} is a pointer of Git LFS and not the weights: run 'git lfs pull' in its folder.")
        length, size = int.from_bytes(start, "little"), path.stat().st_size
        try:
            if len(start) < 8 or 8 + length > size:
                raise ValueError
            header = {k: v for k, v in json.loads(file.read(length)).items() if k != "__metadata__"}
            end = max((entry["data_offsets"][1] for entry in header.values()), default=0)
            whole = all(isinstance(entry["dtype"], str) for entry in header.values()) and size == 8 + length + end
        except (ValueError, KeyError, TypeError, AttributeError, IndexError):
            whole = False
    if not whole:
        raise FolderError(f"{path} is damaged, or was not downloaded to its end. {AGAIN}")
    return header


def _some(names: Iterable[str | Path]) -> str:
    names = sorted(map(str, names))
    return ", ".join(names[:MOST_NAMED]) + (f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else "")


def _line(error: Exception) -> str:
    """The first line of what a library says."""
    said = (str(error).strip() or type(error).__name__).splitlines()[0]
    return said if said.endswith(".") else f"{said}."
