"""The lesson qat: odd but right answers, and wrong ones as people write them, each a patch of the solution."""

import copy

import torch
from torch import nn
from torch.ao import quantization as tq


def in_place(model, train):
    net = tq.QuantWrapper(copy.deepcopy(model))
    net.train()
    net.qconfig = tq.get_default_qat_qconfig(torch.backends.quantized.engine)
    tq.prepare_qat(net, inplace=True)
    train(net)
    int8 = tq.convert(copy.deepcopy(net).eval(), inplace=True)
    return net, int8


class _Stubbed(nn.Module):
    def __init__(self, model):
        super().__init__()
        self.start, self.net, self.end = tq.QuantStub(), model, tq.DeQuantStub()

    def forward(self, x):
        return self.end(self.net(self.start(x)))


def own_stubs(model, train):
    engine = torch.backends.quantized.engine
    net = _Stubbed(copy.deepcopy(model)).train()
    net.qconfig = tq.get_default_qat_qconfig(engine)
    prepared = tq.prepare_qat(net)
    train(prepared)
    return [prepared, tq.convert(prepared)]


def in_two_moves(model, train):
    """What prepare_qat does: observers and fake quantization first, then the layers of QAT."""
    net = tq.QuantWrapper(copy.deepcopy(model)).train()
    net.qconfig = tq.get_default_qat_qconfig(torch.backends.quantized.engine)
    tq.propagate_qconfig_(net)
    tq.convert(net, mapping=tq.get_default_qat_module_mappings(), inplace=True, remove_qconfig=False)
    tq.prepare(net, observer_non_leaf_module_list=set(tq.get_default_qat_module_mappings().values()), inplace=True)
    train(net)
    return net, tq.convert(net.eval())


ODD = {"aware_int8": [in_place, own_stubs, in_two_moves]}
WRONG = {
    "aware_int8": {
        "nothing was trained": ("    train(prepared)\n", ""),
        "trained before the rounding": (
            "    prepared = prepare_qat(ready)\n    train(prepared)\n",
            "    train(ready)\n    prepared = prepare_qat(ready)\n",
        ),
        "trained what prepare_qat was given": ("train(prepared)", "train(ready)"),
        "no stubs": ("QuantWrapper(copy.deepcopy(model))", "copy.deepcopy(model)"),
        "prepared becomes int8 as well": ("convert(prepared.eval())", "convert(prepared.eval(), inplace=True)"),
        "not converted": ("convert(prepared.eval())", "prepared.eval()"),
        "the model itself is put into training mode": ("copy.deepcopy(model)", "model"),
        "the two in the other order": ("prepared, convert(prepared.eval())", "convert(prepared.eval()), prepared"),
        "the static qconfig": ("get_default_qat_qconfig", "torch.ao.quantization.get_default_qconfig"),
        "never in training mode": (".train()\n", "\n"),
    }
}
EQUIVALENT = {
    "aware_int8": {"`eval` left out of the int8 version": "no layer of these models differs in evaluation mode"}
}
