"""The exercise of the lesson audit: what stores int8, and what computed in it."""

import torch
from torch import nn
from torch.ao.quantization import MinMaxObserver, QConfig, QuantWrapper, convert, default_weight_observer, prepare
from torch.ao.quantization import quantize_dynamic as line

from course_utils import legacy_int8
from course_utils.checks import exercise
from course_utils.measure.int8_audit import audit
from course_utils.models import EncoderLayer

torch.backends.quantized.engine = legacy_int8.best()  # it packs the weights of the models below


@exercise(
    "What ran in int8?",
    why="A row says in how many bits the weights are stored, and what the run computed in: two facts, and neither tells the other.",
)
def verdicts(model, x):
    rows = audit(model, x).rows
    layers = [row for row in rows if row.weight_bits is not None]  #: the rows with weights
    stored = {row.name: "stores int8, computes float" if row.weight_bits == 8 else "float" for row in layers}
    told = {row.name: row.runs_in for row in layers if row.runs_in in ("int8", "unknown")}
    return stored | told


class FirstOnly(nn.Sequential):
    """Its second layer is never called."""

    def forward(self, x):
        return self[0](x)


class WeightsOnly(nn.Module):
    """Stores integers, and multiplies floats."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.tensor([[3, -2], [1, 4]], dtype=torch.int8), requires_grad=False)

    def forward(self, x):
        return x @ (0.1 * self.weight).to(x.dtype)


def _static():
    ready = QuantWrapper(nn.Sequential(nn.Linear(2, 2), nn.ReLU())).eval()
    ready.qconfig = QConfig(MinMaxObserver.with_args(quant_min=0, quant_max=127), default_weight_observer)
    observed = prepare(ready)
    observed(ROW)
    return convert(observed)


ROW, IDS = torch.tensor([[1.0, -2.0]]), torch.tensor([0, 2])
with legacy_int8.quiet():
    torch.manual_seed(0)
    one, table = nn.Sequential(nn.Linear(2, 2)).eval(), nn.Sequential(nn.Embedding(3, 2), nn.Linear(2, 2)).eval()
    models = {
        one: ROW,
        line(one, {nn.Linear}): ROW,
        nn.Sequential(WeightsOnly()): ROW,
        nn.Sequential(WeightsOnly(), nn.Identity()): ROW.bfloat16(),  # float has other names, too
        nn.Sequential(nn.Linear(2, 2)).bfloat16(): ROW.bfloat16(),
        line(FirstOnly(nn.Linear(2, 2), nn.Linear(2, 2)), {nn.Linear}): ROW,
        line(line(table, {nn.Linear}), {nn.Embedding}, dtype=torch.quint8): IDS,
        _static(): ROW,
        line(EncoderLayer(4, 2, 8).eval(), {nn.Linear}): torch.randn(1, 3, 4),
    }
verdicts.tries(also=list(models.items()))
verdicts.ideas(
    {
        "rows = audit(model).rows": "Without `x` the audit reads what a layer is. What it computed in, only a run tells.",
        "layers = rows": "What only converts has a row, too. Leave out the rows whose `weight_bits` are `None`.",
        "told = {row.name: row.runs_in for row in layers if row.runs_in == 'int8'}": "A layer that did not run is "
        "`unknown`: nobody saw what it computes in.",
        "told = {row.name: 'int8' for row in layers if row.weight_bits == 8}": "8 bits in the file are not yet integers in "
        "the product: ask `runs_in` first.",
    }
)
