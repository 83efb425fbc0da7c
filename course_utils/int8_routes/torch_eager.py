"""Int8 by PyTorch's older interface, of the networks that are compared."""

from __future__ import annotations

from weakref import WeakKeyDictionary

import torch
from torch import nn

from course_utils import legacy_int8
from course_utils.int8_routes.networks import Network

_made: WeakKeyDictionary[Network, dict[str, nn.Module]] = WeakKeyDictionary()


def int8_model(network: Network) -> nn.Module:
    """Int8 by the older interface, on the current engine: dynamic for BERT, static for the CNNs.

    It is made once for a network and an engine, and lives as long as the network.
    """
    known = _made.setdefault(network, {})
    name = torch.backends.quantized.engine
    if name not in known:
        known[name] = _convert(network)
    return known[name]


def _convert(network: Network) -> nn.Module:
    tq = legacy_int8.tq
    with legacy_int8.quiet():
        if network.quantizable is None:
            return tq.quantize_dynamic(network.model, {nn.Linear})
        model = network.quantizable()
        model.fuse_model()
        model.qconfig = tq.get_default_qconfig(torch.backends.quantized.engine)
        tq.prepare(model, inplace=True)
        model(network.calibration)
        return tq.convert(model, inplace=True)
