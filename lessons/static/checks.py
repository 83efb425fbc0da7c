"""The exercise of the lesson static: a CNN becomes int8 from end to end."""

import copy

import torch
from torch.ao.quantization import (
    MinMaxObserver,
    MovingAverageMinMaxObserver,
    QuantWrapper,
    convert,
    fuse_modules,
    prepare,
)

from course_utils.checks import effects, exercise
from course_utils.data.checkpoints import load
from lessons.static.small import By, image, net


@exercise(
    "From end to end",
    trust="it takes a model and gives a quantized one",
    why="The copy has its stubs, one module for each block, and a scale for each range that the images have shown.",
)
def to_int8(model, batches, qconfig):
    ready = QuantWrapper(copy.deepcopy(model)).eval()
    names = [[f"module.features.{n}.{part}" for part in (0, 1, 2)] for n in range(len(model.features))]
    ready = fuse_modules(ready, names)
    ready.qconfig = qconfig
    observed = prepare(ready)
    for batch in batches:
        observed(batch)
    return convert(observed)


def _seen(model, *_):
    parts = [m for m in model.modules() if "quantized" in type(m).__module__]
    layers = [
        type(m).__name__ for m in parts if type(m).__name__ not in ("Quantize", "DeQuantize", "LinearPackedParams")
    ]
    entrance = [m for m in parts if type(m).__name__ == "Quantize"]
    return {
        "which int8 layers it has": effects.Said(", ".join(layers) or "none"),
        "the scale of the pixels": float(entrance[0].scale) if entrance else effects.Said("no stub was converted"),
        "the scales of all places": torch.tensor([float(m.scale) for m in parts if hasattr(m, "scale")]).sort().values,
        "the outputs": model(torch.linspace(-0.5, 2, 32).view(2, 1, 4, 4)),
    }


MINMAX, MOVING = By(MinMaxObserver), By(MovingAverageMinMaxObserver)
to_int8.tries(
    also=[
        (net(1), [image(1.0)], MINMAX),
        (net(1, training=True), [image(1.0), image(2.0)], MINMAX),
        (net(1), [image(1.0), image(2.0)], MOVING),
        (net(2), [image(1.0), image(-1.0, 0.0, 0.0, 0.5)], MINMAX),
        (net(3, training=True), [image(3.0, 0.0, 1.0, 3.0)], MOVING),
        (load("small_cnn"), [torch.linspace(0, 1, 784).view(1, 1, 28, 28)], MINMAX),
    ]
)
to_int8.looks({"": _seen})
to_int8.ideas(
    {
        "observed = ready": "Nothing became int8. `convert` takes the copy that `prepare` returned, and returns a copy, too.",
        "batches = []": "A scale that saw nothing is 1. Send the batches through what `prepare` returned, then convert.",
        (
            "ready = ready; observed = fuse_modules(prepare(ready), names)",
            "ready = ready; return convert(fuse_modules(observed, names))",
        ): "Fuse before `prepare`: an observer must stand behind the ReLU.",
        "ready = ready": "The blocks are not fused. `fuse_modules` returns a copy: keep it.",
        "batches = batches[:1]": "Only the first batch was shown to the observers. They need all of them.",
    }
)
