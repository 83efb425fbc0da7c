"""A file for DepthwiseCNN with other bits in each layer: header, codes, and a scale and a bias for each channel."""

import copy
import io

import numpy as np
import torch
from torch import nn


def _layers(net):
    """(layer, its batch norm or None), in the order of the file."""
    return [(block[0], block[1]) for block in net.features] + [(net.fc, None)]


def _put(number):
    return number.half().numpy().tobytes()


def write(net, bits):
    """The bytes of a network whose weights are on the grids of `bits`, {layer: bits} in the order of the layers."""
    content = io.BytesIO()
    content.write(bytes(bits.values()))
    for (layer, norm), b in zip(_layers(net), bits.values(), strict=True):
        rows, half = layer.weight.flatten(1), 2 ** (b - 1)
        # The widest weight of a channel is half − 1 steps long, or half: take the scale with which all are whole.
        widest = rows.abs().amax(1, keepdim=True)
        steps = rows / widest * (half - 1)
        whole = ((steps.round() - steps).abs() < 0.01).all(1, keepdim=True)
        scale = torch.where(whole, widest / (half - 1), widest / half)
        codes = ((rows / scale).round().clamp(-half, half - 1) + half).to(torch.uint8).flatten().numpy()
        ones = np.unpackbits(codes[:, None], axis=1, count=b, bitorder="little")
        content.write(np.packbits(ones.flatten(), bitorder="little").tobytes())
        scale = scale.flatten()
        if norm is None:
            bias = layer.bias
        else:
            factor = norm.weight / (norm.running_var + norm.eps).sqrt()
            scale, bias = scale * factor, norm.bias - norm.running_mean * factor
        content.write(_put(scale) + _put(bias))
    return content.getvalue()


def read(content, like):
    """The network of such a file; `like` has its architecture. Its batch norms are gone."""
    net, content = copy.deepcopy(like), io.BytesIO(content)
    layers = _layers(net)
    for (layer, _), b in zip(layers, content.read(len(layers)), strict=True):
        count, channels = layer.weight.numel(), len(layer.weight)
        ones = np.unpackbits(
            np.frombuffer(content.read(-(-count * b // 8)), np.uint8), count=count * b, bitorder="little"
        )
        codes = np.packbits(ones.reshape(count, b), axis=1, bitorder="little").astype(np.float32) - 2 ** (b - 1)
        scale, bias = (torch.from_numpy(np.frombuffer(content.read(2 * channels), np.float16).copy()) for _ in range(2))
        layer.weight.copy_((torch.from_numpy(codes).view(channels, -1) * scale.float()[:, None]).view_as(layer.weight))
        layer.bias = nn.Parameter(bias.float(), requires_grad=False)
    for block in net.features:
        block[1] = nn.Identity()
    return net
