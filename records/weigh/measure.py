"""Ten models in `weigh`, and in OpenVINO beside it: is the form that it recommends, or calls fastest, the fastest?"""

import tempfile
import time
from pathlib import Path

import torch

import weigh
from course_utils import checkpoints, data, language, models, real_models, runtime, timing
from course_utils.files import ROOT, need
from course_utils.int8_routes import networks
from records import writing
from records.quantization import other_runtimes
from weigh.result import KEEPS, choose
from weigh.sheet import agreement

N_INPUTS, ROUNDS, SAMPLE_S = 60, 7, 0.2
OUTSIDE = {"float in OpenVINO": False, "int8 by NNCF, in OpenVINO": True}  # what weigh has not -> whether it is int8
FAR = 3.0  # forms that take so many times as long as the recommended one aren't timed again


def checkpoint(name, batch):
    """A network of `data/checkpoints`, and calls with so many test images each."""
    images, _ = data.load("fashion_mnist", "test")
    return checkpoints.load(name), list(images[: N_INPUTS * batch].split(batch))


def shaped(network):
    """A network of `int8_routes`: random weights, with the activations of a trained one."""
    made = network()
    return made.model, list(torch.cat([made.example, made.calibration]).split(1))


def lstm():
    """An LSTM of random weights, for sequences of 100 steps."""
    torch.manual_seed(0)
    return models.LSTMClassifier(64, 256), list(torch.randn(N_INPUTS, 1, 100, 64).unbind())


def mlp():
    """A perceptron of random weights, for 16 inputs at once."""
    torch.manual_seed(0)
    return models.make_mlp(1024, 1024, 4), list(torch.randn(N_INPUTS, 16, 1024).unbind())


def characters():
    """The small Transformer, for 256 characters of Python's library."""
    ids = language.encode(language.source()[0])
    return language.trained(), list(ids[: N_INPUTS * 256].view(N_INPUTS, 1, 256).unbind())


MODELS = {
    "LeNet": lambda: checkpoint("lenet_fashion_0", 1),
    "SmallCNN, 32 images": lambda: checkpoint("small_cnn", 32),
    "DepthwiseCNN": lambda: checkpoint("depthwise_cnn", 1),
    "SmallResNet": lambda: checkpoint("small_resnet", 1),
    "MLP, 16 inputs": mlp,
    "LSTM": lstm,
    "small Transformer": characters,
    "EfficientNet-Lite0": lambda: (real_models.efficientnet_lite0(), list(real_models.crops(24).split(1))),
    "MobileNet-v2 shape": lambda: shaped(networks.mobilenet_v2),
    "BERT-base shape": lambda: shaped(networks.bert),
}


def main(arguments):
    """Weigh the models and write the record: half an hour on a quiet machine."""
    path = ROOT / "records" / "weigh" / "ten_models.json"
    parser = writing.options("weigh", __doc__, path)
    parser.add_argument("--only", nargs="+", choices=MODELS, default=list(MODELS), help="these models alone")
    args = parser.parse_args(arguments)
    need("onnx", "onnxscript", "onnxruntime", "openvino", "nncf")
    names = args.only[:1] if runtime.quick() else args.only
    found = [weighed(name, *MODELS[name]()) for name in names]
    command = "python3 course.py bench weigh"
    writing.write(args.to, {"command": command, **runtime.provenance(), "models": found})


def weighed(name, model, inputs):
    """What `weigh` recommends for a model and what it calls fastest, timed once more in turn with OpenVINO."""
    start = time.perf_counter()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder, torch.no_grad():
        sheet, report = weigh.weigh(model, inputs, folder=folder, say=lambda *_: None)
        took = time.perf_counter() - start
        chosen, _ = choose(sheet)
        calls = {row.name: row.built.call for row in sheet.rows if row.built and fits(sheet, row.agreement, row)}
        calls |= outside(sheet, Path(folder))
        slow = {row.name for row in sheet.rows if row.ms and row.ms > FAR * chosen.ms}
        ran = {form: lambda call=call: call(sheet.example) for form, call in calls.items() if form not in slow}
        times, noisy = timed(ran)
        ms = {form: round(times.median_ms(form), 4) for form in ran}
    own = {form: value for form, value in ms.items() if form not in OUTSIDE}
    found = {
        "model": name,
        "weigh_s": round(took),
        "recommended": chosen.name,
        "fastest_in_table": min(own, key=own.get),
        "fastest": min(ms, key=ms.get),
        "recommended_over_fastest": round(ms[chosen.name] / min(ms.values()), 3),
        "table_over_fastest": round(min(own.values()) / min(ms.values()), 3),
        "noisy": noisy,
        "doubt": sheet.doubt,
        "recommendation": report["recommendation"],
        "table_ms": {row.name: row.ms and round(row.ms, 4) for row in sheet.rows},
        "ms": ms,
    }
    print({key: found[key] for key in list(found)[:9]}, flush=True)
    return found


def timed(calls):
    """The comparison of calls in turn, and which of them were too unsteady to judge."""
    try:
        options = {"rounds": ROUNDS, "sample_seconds": SAMPLE_S, "n_threads": 1, "device": "cpu"}
        return timing.compare(calls, **options), []
    except timing.Unsteady as unsteady:
        return unsteady.comparison, list(unsteady.noisy)


def fits(sheet, kept, row=None):
    """Whether a form may be the fastest: it keeps the answers, where they say anything, and was not cut untrained."""
    return (bool(sheet.doubt) or kept >= KEEPS) and (row is None or row.way.trained)


def outside(sheet, folder):
    """Name -> call of those forms of `OUTSIDE` that can be made and that keep the answers."""
    import openvino as ov

    calls = {}
    for form, int8 in OUTSIDE.items():
        try:
            model = ov.Core().read_model(str(sheet.onnx))
            if int8:
                attends = any("attention" in type(m).__name__.lower() for m in sheet.one.modules())
                inputs = [xs[0] for xs in sheet.calibrating]
                model = other_runtimes.nncf_int8(model, inputs, transformer=attends)
            run, _ = other_runtimes.openvino_call(model, folder / f"openvino_{int8}.xml")
            kept = agreement([sheet.answer(run(*xs)) for xs in sheet.judging], sheet.expected)
        except Exception as error:  # packages raise what they like; the other forms must still be measured
            print(f"{form}: {error}")
            continue
        if fits(sheet, kept):
            calls[form] = lambda xs, run=run: run(*xs)
    return calls
