"""The three networks of the headline table, in fp32; random weights, for speed and bytes do not depend on them.

torchvision is imported where a CNN is made: it imports torch.ao itself.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from course_utils import models
from course_utils.runtime import quick

SIDE, N_CALIBRATE = 224, 8


@dataclass(frozen=True, eq=False)
class Network:
    """A network in fp32 and what it is tried on.

    Attributes:
        name: as the table shows it.
        model: in evaluation mode, without gradients.
        example: the one input that is timed: (1, 3, side, side) float, or (1, n_tokens) int64.
        calibration: more inputs of the same kind, (n, …), for observers.
        quantizable: makes the same network with stubs, or None where int8 is dynamic.
    """

    name: str
    model: nn.Module
    example: Tensor
    calibration: Tensor
    quantizable: Callable[[], nn.Module] | None = None


def bert() -> Network:
    """The shape of BERT-base, random weights; texts of 128 tokens. In a quick run it has one narrow layer.

    Returns:
        example (1, 128) int64, calibration (4, 128); the model gives states
        (N, 128, width).
    """
    torch.manual_seed(0)
    size = {"n_layers": 1, "width": 64, "n_heads": 2, "n_tokens": 100} if quick() else {}
    model = models.Encoder(**size).eval().requires_grad_(False)
    texts = torch.randint(model.tokens.num_embeddings, (1 + N_CALIBRATE // 2, 128))
    return Network("BERT-base shape", model, texts[:1].clone(), texts[1:])


def resnet50() -> Network:
    """ResNet-50 of torchvision, random weights; in a quick run with four blocks and images of 64 by 64.

    Returns:
        example (1, 3, 224, 224), calibration (8, 3, 224, 224), float32; the model gives logits (N, 1000).
    """
    from torchvision.models.quantization.resnet import QuantizableBottleneck, QuantizableResNet
    from torchvision.models.resnet import Bottleneck, ResNet

    layers = [1, 1, 1, 1] if quick() else [3, 4, 6, 3]
    return _cnn(
        "ResNet-50",
        lambda: ResNet(Bottleneck, layers),
        lambda: QuantizableResNet(QuantizableBottleneck, layers),
        64 if quick() else SIDE,
    )


def mobilenet_v2() -> Network:
    """MobileNet-v2 of torchvision, random weights; in a quick run with three blocks and images of 64 by 64.

    Returns:
        example (1, 3, 224, 224), calibration (8, 3, 224, 224), float32; the model gives logits (N, 1000).
    """
    from torchvision import models as zoo

    setting = {"inverted_residual_setting": [[1, 16, 1, 1], [6, 24, 2, 2]]} if quick() else {}
    return _cnn(
        "MobileNet-v2",
        lambda: zoo.mobilenet_v2(weights=None, **setting),
        lambda: zoo.quantization.mobilenet_v2(weights=None, quantize=False, **setting),
        64 if quick() else SIDE,
    )


NETWORKS = {"BERT-base shape": bert, "ResNet-50": resnet50, "MobileNet-v2": mobilenet_v2}


def _cnn(name: str, make: Callable[[], nn.Module], quantizable: Callable[[], nn.Module], side: int) -> Network:
    """A CNN whose batch norm has seen images, so that activations have the range of a trained network's.

    Fresh statistics would make the cosine worthless: then two *different* images agree to three nines. For the
    same reason the last norm of each residual branch gets the weight 0.1: a trained branch adds a little to
    its shortcut (Goyal et al., 2017, arXiv:1706.02677, start it at 0).
    """
    from torchvision.models.mobilenetv2 import InvertedResidual
    from torchvision.models.resnet import Bottleneck

    torch.manual_seed(0)
    model = make()
    for block in model.modules():
        if isinstance(block, nn.BatchNorm2d):
            block.momentum = None  # the statistics of the one pass below, not a moving average
        elif isinstance(block, Bottleneck):
            nn.init.constant_(block.bn3.weight, 0.1)
        elif isinstance(block, InvertedResidual) and block.use_res_connect:
            nn.init.constant_(block.conv[-1].weight, 0.1)
    images = torch.randn(1 + N_CALIBRATE, 3, side, side)
    with torch.no_grad():
        model.train()(images[1:])
    model.eval().requires_grad_(False)

    def with_stubs() -> nn.Module:
        twin = quantizable().eval().requires_grad_(False)
        twin.load_state_dict(model.state_dict())
        return twin

    return Network(name, model, images[:1].clone(), images[1:], with_stubs)
