"""The check of the lesson zero_worth: the smallest form for each layer of a pruned model."""

import torch
from hypothesis import strategies as st
from torch import nn
from torch.nn.utils import prune

from course_utils.checks import effects, exercise
from course_utils.data.checkpoints import load


@exercise(
    "The smallest form",
    why="Three sums for each layer. The bit mask pays a bit for every weight, CSR an index for each that is left and one "
    "for each row: so it depends on the layer which is smallest.",
)
def cheapest(model):
    chosen = {}
    for name, layer in model.named_modules():
        if isinstance(layer, nn.Linear):
            rows, columns = layer.weight.shape
            left = int(layer.weight.count_nonzero())  #: the weights left in the last layer
            dense = 4 * rows * columns  #: its bytes dense
            bits = -(-rows * columns // 8)  #: the bytes of its bits
            masked = 4 * left + bits  #: its bytes with a bit mask
            starts = 4 * (rows + 1)  #: the bytes of its starts
            csr = 8 * left + starts  #: its bytes in CSR
            forms = {"dense": dense, "bit mask": masked, "CSR": csr}
            form = min(forms, key=forms.get)
            chosen[name] = form, forms[form]
    return chosen


def _layer(rows, columns, left):
    weight = torch.zeros(rows * columns)
    weight[torch.arange(left) * max(1, rows * columns // max(1, left))] = torch.arange(1.0, left + 1) * (-1.0) ** left
    return effects.linear(weight.view(rows, columns), torch.zeros(rows))


@st.composite
def _models(draw):
    def layer():
        rows, columns = draw(st.integers(1, 3)), draw(st.sampled_from([1, 2, 8, 9, 130]))
        return _layer(rows, columns, draw(st.integers(0, min(4, rows * columns))))

    return draw(
        st.sampled_from([lambda: nn.Sequential(layer()), lambda: nn.Sequential(layer(), nn.Sequential(layer()))])
    )()


_cut = load("lenet_mnist")
prune.global_unstructured([(one, "weight") for one in _cut.children()], prune.L1Unstructured, amount=0.97)
for _one in _cut.children():
    prune.remove(_one, "weight")
_paper = nn.Sequential(effects.linear(torch.tensor([[0.0, 5, 0, 3], [0, 0, 0, -2]]), torch.zeros(2)))
_full = nn.Sequential(nn.Conv2d(1, 1, 1), _layer(1, 2, 2), nn.ReLU(), _layer(1, 32, 31), _layer(1, 130, 1))
_table = nn.Sequential(nn.Embedding(2, 2, _weight=torch.ones(2, 2)), _layer(1, 2, 2))  # no linear layer
_tiny = nn.Sequential(effects.linear(torch.tensor([[1e-4, 0.0]]), torch.zeros(1)))  # small, and no zero
_empty = nn.Sequential(nn.Sequential(_layer(1, 64, 0)))
cheapest.tries(model=_models(), also=[(one,) for one in (_paper, _full, _empty, _table, _tiny, _cut)])
cheapest.ideas(
    {
        "starts = 0": "CSR also says where each row starts: `rows + 1` indices of 4 bytes.",
        ("bits = rows * columns // 8", "bits = rows * columns / 8"): "Bits fill whole bytes: round up.",
        "bits = 4 * rows * columns": "A bit mask takes one bit for each position, an eighth of a byte.",
        "csr = 4 * left + starts": "In CSR each value comes with its column: 4 + 4 bytes.",
        "rows, columns = layer.weight.shape[::-1]": "A weight has `out_features` rows and `in_features` columns.",
    }
)
