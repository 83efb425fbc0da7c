"""The lesson qat_cnn: odd but right answers, and wrong ones as people write them, each a patch of the solution."""

import copy

from torch.ao import quantization as tq
from torch.ao.nn.intrinsic import qat as nniqat


def prepared_in_place(model, train_epoch, epochs):
    prepared = copy.deepcopy(model)
    tq.prepare_qat(prepared, inplace=True)
    for part in prepared.modules():
        if hasattr(part, "freeze_bn_stats"):
            part.freeze_bn_stats()
    int8 = []
    for left in reversed(range(epochs)):
        if not left:
            prepared.apply(tq.disable_observer)
        train_epoch(prepared)
        int8 += [tq.convert(copy.deepcopy(prepared), inplace=True)]
    return prepared, int8


def last_epoch_apart(model, train_epoch, epochs):
    prepared = tq.prepare_qat(model)
    prepared.apply(nniqat.freeze_bn_stats)

    def trained():
        train_epoch(prepared)
        return tq.convert(prepared.eval())  # converts a copy

    copies = [trained() for _ in range(epochs - 1)]
    prepared.apply(tq.disable_observer)
    return [prepared, [*copies, trained()]]


def frozen_each_time(model, train_epoch, epochs):
    prepared, copies = tq.prepare_qat(model), ()
    for epoch in range(1, epochs + 1):
        prepared.apply(nniqat.freeze_bn_stats).apply(tq.disable_observer if epoch == epochs else tq.enable_observer)
        train_epoch(prepared)
        copies += (tq.convert(copy.deepcopy(prepared).eval()),)
    return prepared, copies


ODD = {"qat_loop": [prepared_in_place, last_epoch_apart, frozen_each_time]}
_FREEZE = "    prepared.apply(freeze_bn_stats)\n"
_OFF = "        if epoch == epochs - 1:\n            prepared.apply(tq.disable_observer)\n"
_TRAIN = "        train_epoch(prepared)\n"
WRONG = {
    "qat_loop": {
        "batch norm is never frozen": (_FREEZE, ""),
        "the model is frozen, and not what prepare_qat gave back": (
            "    prepared = tq.prepare_qat(model)\n    prepared.apply",
            "    prepared = tq.prepare_qat(model)\n    model.apply",
        ),
        "batch norms in evaluation mode": (
            "prepared.apply(freeze_bn_stats)",
            "[part.eval() for part in prepared.modules() if isinstance(part, torch.nn.BatchNorm2d)]",
        ),
        "batch norm is frozen together with the observers": (
            f"{_FREEZE}    copies = []\n    for epoch in range(epochs):\n        if epoch == epochs - 1:\n",
            "    copies = []\n    for epoch in range(epochs):\n        if epoch == epochs - 1:\n"
            "            prepared.apply(freeze_bn_stats)\n",
        ),
        "the observers are never off": (_OFF, ""),
        "the observers are off from the start": ("epoch == epochs - 1", "epoch == 0"),
        "off after the last epoch": (_OFF + _TRAIN, _TRAIN + _OFF),
        "the network itself is converted": (
            "tq.convert(copy.deepcopy(prepared).eval())",
            "tq.convert(prepared.eval(), inplace=True)",
        ),
        "not converted": ("tq.convert(copy.deepcopy(prepared).eval())", "copy.deepcopy(prepared).eval()"),
        "only the last copy": (
            "copies.append(tq.convert(copy.deepcopy(prepared).eval()))",
            "copies = [tq.convert(copy.deepcopy(prepared).eval())]",
        ),
        "the model itself is prepared": ("tq.prepare_qat(model)", "tq.prepare_qat(model, inplace=True)"),
    }
}
EQUIVALENT = {
    "qat_loop": {
        "`eval` left out": "no int8 layer of these models differs in evaluation mode",
        "`deepcopy` left out": "`convert` makes a copy by itself, and `train_epoch` calls `train()`",
    }
}
