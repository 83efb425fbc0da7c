"""The exercise of the lesson static: odd but right answers, and wrong ones as patches of the solution."""

import copy

import torch
from torch import nn
from torch.ao import quantization as tq


def _send(model, batches):
    for batch in batches:
        model(batch)


def in_one_call(model, batches, qconfig):
    """PyTorch's own `quantize` copies, prepares, calibrates and converts."""
    ready = tq.QuantWrapper(copy.deepcopy(model).eval())
    blocks = [name for name, m in ready.named_modules() if isinstance(m, nn.Sequential) and isinstance(m[0], nn.Conv2d)]
    ready = tq.fuse_modules(ready, [[f"{name}.0", f"{name}.1", f"{name}.2"] for name in blocks])
    ready.qconfig = qconfig
    return tq.quantize(ready, _send, [batches])


class _Own(nn.Module):
    def __init__(self, net):
        super().__init__()
        self.net, self.start, self.end = net, tq.QuantStub(), tq.DeQuantStub()

    def forward(self, x):
        return self.end(self.net(self.start(x)))


def with_stubs_of_its_own(model, batches, qconfig):
    """Fuses block after block inside the model, then puts its own stubs around it; all in place, on a copy."""
    net = copy.deepcopy(model)
    net.train(False)
    for block in net.features:
        tq.fuse_modules(block, ["0", "1", "2"], inplace=True)
    own = _Own(net).eval()
    own.qconfig = qconfig
    tq.prepare(own, inplace=True)
    with torch.no_grad():
        _send(own, batches)
    tq.convert(own, inplace=True)
    return own


def a_qconfig_for_each_module(model, batches, qconfig):
    """Gives every module its qconfig, in place of the outermost one."""
    ready = tq.QuantWrapper(copy.deepcopy(model)).eval()
    names = [name for name, m in ready.named_modules() if isinstance(m, nn.Conv2d | nn.BatchNorm2d | nn.ReLU)]
    ready = tq.fuse_modules(ready, [names[n : n + 3] for n in range(0, len(names), 3)])
    for module in ready.modules():
        module.qconfig = qconfig
    ready = tq.prepare(ready)
    list(map(ready, batches))
    return tq.convert(ready)


ODD = {"to_int8": [in_one_call, with_stubs_of_its_own, a_qconfig_for_each_module]}
WRONG = {
    "to_int8": {
        "no image is shown": ("for batch in batches:", "for batch in []:"),
        "only the first batch is shown": ("for batch in batches:", "for batch in batches[:1]:"),
        "what was prepared is not what is converted": ("return convert(observed)", "return convert(ready)"),
        "the fused copy is thrown away": ("ready = fuse_modules(ready, names)", "fuse_modules(ready, names)"),
        "the ReLU is left out": ("for part in (0, 1, 2)", "for part in (0, 1)"),
        "three blocks, whatever comes": ("range(len(model.features))", "range(3)"),
        "the model itself is wrapped": ("copy.deepcopy(model)", "model"),
        "not in evaluation mode": (").eval()", ")"),
    }
}
EQUIVALENT = {}
