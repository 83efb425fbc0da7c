"""How far SmolLM2's predictions move in int8 and in OpenVINO, and why: for the lesson `real_model`."""

import copy
import tempfile
from pathlib import Path
from pydoc_data.topics import topics

import torch
from torch import nn

from course_utils import language, real_models, runtime
from course_utils.files import ROOT
from records import writing
from records.language.measure import link, write_q8_0

PIECES, LENGTH, GROUP = 4, 256, 32  # every piece of the text is processed alone


@torch.no_grad()
def main(arguments):
    """Compare five pairs on four pieces of text, and write the record: some minutes on one thread."""
    path = ROOT / "records" / "real_model" / "copies.json"
    args = writing.options("real_model", __doc__, path).parse_args(arguments)
    with runtime.threads(1):
        runs = measured(*writing.smollm2())
    writing.write_runs(args.to, "python3 course.py bench real_model", runs)
    return 0


def measured(model, tokenizer):
    """One run for each pair: two names, and what `language.change` finds over all pieces, each with its error."""
    pieces, length = (1, 16) if runtime.quick() else (PIECES, LENGTH)
    ids = tokenizer(topics["execmodel"], return_tensors="pt")["input_ids"][0, : pieces * length].view(pieces, length)
    logits = {"file": in_torch(model, ids), "int8": in_torch(int8(model), ids)}
    logits["minima"] = in_torch(with_rounded_minima(model), ids)
    forms = {"OpenVINO": link} if runtime.quick() else {"OpenVINO": link, "OpenVINO, Q8_0": write_q8_0}
    for form, make in forms.items():
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder, "model.gguf")
            make(real_models.smollm2_file(), file)
            logits[form] = in_openvino(file, ids)
    pairs = [("file", name) for name in logits if name != "file"] + [("minima", "OpenVINO")]
    runs = []
    for first, second in pairs:
        found = language.change(logits[first], logits[second], ids[:, 1:])
        told = {name: [round(number, 5) for number in mean] for name, mean in found._asdict().items()}
        runs.append({"from": first, "to": second, "tokens": ids[:, 1:].numel(), **told})
        print(runs[-1], flush=True)
    return runs


def int8(model):
    """A copy with torchao's int8 weights; inputs stay float32."""
    from torchao.quantization import Int8WeightOnlyConfig, quantize_

    copied = copy.deepcopy(model)
    quantize_(copied, Int8WeightOnlyConfig())
    return copied


def with_rounded_minima(model):
    """A copy in which each group's minimum moves to a whole number of its steps, and the 32 weights with it."""
    copied = copy.deepcopy(model)
    for layer in copied.model.modules():
        if isinstance(layer, nn.Linear):
            groups = layer.weight.view(-1, GROUP)  # a group with 16 levels: its lowest weight is the minimum
            low = groups.amin(1, keepdim=True)
            step = (groups.amax(1, keepdim=True) - low) / 15
            layer.weight.copy_((groups + (low / step).round() * step - low).view_as(layer.weight))
    return copied


def in_torch(model, ids):
    """The logits before each token but the first, (pieces, tokens - 1, vocabulary)."""
    return torch.cat([model(piece[None], use_cache=False).logits[:, :-1] for piece in ids])


def in_openvino(file, ids):
    """The same, by the model that OpenVINO GenAI makes of a GGUF file, with its own settings and one thread."""
    import numpy as np
    import openvino
    import openvino_genai

    one = {"INFERENCE_NUM_THREADS": 1}
    openvino_genai.LLMPipeline(str(file), "CPU", enable_save_ov_model=True, **one)  # writes it beside the file
    made = openvino.Core().read_model(file.with_name("openvino_model.xml"))
    request, n = openvino.Core().compile_model(made, "CPU", one).create_infer_request(), ids.shape[1]
    names, rows = {name for given in made.inputs for name in given.names}, []
    for piece in ids:
        request.reset_state()
        given = {
            "input_ids": piece[None].numpy(),
            "attention_mask": np.ones((1, n), np.int64),
            "position_ids": np.arange(n)[None],
            "beam_idx": np.zeros(1, np.int32),
        }
        found = request.infer({name: value for name, value in given.items() if name in names})
        rows.append(torch.tensor(next(iter(found.values())))[:, :-1].float())
    return torch.cat(rows)
