"""The exercise of the lesson dynamic."""

import torch
from hypothesis import strategies as st
from torch import nn
from torch.ao.quantization import quantize_dynamic

from course_utils.checks import effects, exercise


@exercise(
    "Shrink what pays",
    why="The set names the layers that become int8, wherever they stand in the model; all else stays as it is.",
)
def shrink(model, pays):
    linear = {name: layer for name, layer in model.named_modules() if isinstance(layer, nn.Linear)}
    chosen = {name for name, layer in linear.items() if pays(layer)}  #: the names of the layers that pay
    small = quantize_dynamic(model, chosen, dtype=torch.qint8)
    return quantize_dynamic(small, {nn.Embedding}, dtype=torch.quint8)


def _block():
    return nn.Sequential(nn.Linear(2, 4), nn.Linear(4, 2))


def _inputs(model):
    reads_ids = any(isinstance(layer, nn.Embedding) for layer in model.modules())
    return torch.tensor([0, 2]) if reads_ids else torch.tensor([[1.0, -2.0]])


ALL, SOME, NONE = (effects.rule(f"lambda layer: layer.weight.numel() >= {least}") for least in (1, 7, 100))
shrink.tries(
    model=effects.models(lambda: nn.Linear(2, 2), lambda: nn.LayerNorm(2), _block, first=lambda: nn.Embedding(3, 2)),
    pays=st.sampled_from([ALL, SOME, NONE, effects.rule("lambda layer: layer.out_features // 3")]),
    also=[
        (nn.Sequential(nn.Sequential(nn.Sequential(nn.Linear(2, 2)))), ALL),
        (nn.ModuleList([nn.Embedding(3, 2), nn.Embedding(3, 2)]), ALL),
        (nn.ModuleList([nn.EmbeddingBag(3, 2), nn.LSTM(1, 1)]), NONE),
    ],
)
shrink.looks({"the layers": effects.kinds, "the weights": effects.weights, "the outputs": effects.outputs(_inputs)})
shrink.ideas(
    {
        "linear = {n: m for n, m in model.named_children() if isinstance(m, nn.Linear)}": "A layer inside a block is a "
        "layer, too: `named_children` gives only the outermost ones.",
        "chosen = {nn.Linear} if any(map(pays, linear.values())) else set()": "All linear layers became int8, as soon as "
        "one pays. To choose some, put their names into the set: the type names every one.",
        "return small": "The embeddings are still float. They take `quint8`, in a call of their own, whose set names "
        "them: the type does. Keep the copy that this call returns.",
        "return quantize_dynamic(small, {n for n, m in small.named_modules() if isinstance(m, nn.Embedding) and "
        "pays(m)}, dtype=torch.quint8)": "An embedding gets 8 bits whatever `pays` says.",
    }
)
