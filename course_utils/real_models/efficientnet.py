"""EfficientNet-Lite0 with the weights that learned ImageNet, photos for it, and a stand-in with random weights."""

from __future__ import annotations

import itertools
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from course_utils.real_models import fetching

# times wider inside, kernel, stride, channels, blocks
STAGES = (
    (1, 3, 1, 16, 1),
    (6, 3, 2, 24, 2),
    (6, 5, 2, 40, 2),
    (6, 3, 2, 80, 3),
    (6, 5, 1, 112, 3),
    (6, 5, 2, 192, 4),
    (6, 3, 1, 320, 1),
)


def _conv(n_in: int, n_out: int, kernel: int = 1, stride: int = 1, groups: int = 1) -> list[nn.Module]:
    """A convolution with its norm. With a stride the border is wider below and on the right, as in TensorFlow."""
    half = kernel // 2
    border = [nn.ZeroPad2d((half - 1, half, half - 1, half))] if stride == 2 else []
    padding = 0 if border else half
    conv = nn.Conv2d(n_in, n_out, kernel, stride, padding, groups=groups, bias=False)
    return [*border, conv, nn.BatchNorm2d(n_out, eps=1e-3, momentum=0.01)]


class MBConv(nn.Module):
    """Wider by a convolution of 1 × 1, depthwise, narrower again; with a shortcut where the shape stays.

    Takes (batch, n_in, height, width), returns (batch, n_out, height / stride, width / stride).

    Source: M. Sandler et al., "MobileNetV2: inverted residuals and linear bottlenecks", 2018, arXiv:1801.04381.
    """

    def __init__(self, n_in: int, n_out: int, kernel: int, stride: int, wider: int):
        super().__init__()
        wide = n_in * wider
        expand = [*_conv(n_in, wide), nn.ReLU6()] if wider > 1 else []
        depthwise = [*_conv(wide, wide, kernel, stride, groups=wide), nn.ReLU6()]
        self.layers = nn.Sequential(*expand, *depthwise, *_conv(wide, n_out))
        self.shortcut = stride == 1 and n_in == n_out

    def forward(self, x: Tensor) -> Tensor:
        return x + self.layers(x) if self.shortcut else self.layers(x)


class EfficientNetLite0(nn.Sequential):
    """The network, with new weights: EfficientNet-B0 without squeeze-and-excitation, with ReLU6; 4,652,008 parameters.

    Takes images (batch, 3, 224, 224), float; returns logits (batch, 1000).

    Source: https://github.com/tensorflow/tpu/tree/master/models/official/efficientnet/lite
    """

    def __init__(self):
        blocks, n_in = [], 32
        for wider, kernel, stride, n_out, repeats in STAGES:
            for i in range(repeats):
                blocks.append(MBConv(n_in, n_out, kernel, 1 if i else stride, wider))
                n_in = n_out
        stem, head = [*_conv(3, 32, 3, 2), nn.ReLU6()], [*_conv(n_in, 1280), nn.ReLU6()]
        super().__init__(
            *stem, *blocks, *head, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(0.2), nn.Linear(1280, 1000)
        )


def efficientnet_lite0() -> EfficientNetLite0:
    """EfficientNet-Lite0 with the weights that learned ImageNet, or its stand-in; every call returns a new one.

    Returns:
        In evaluation mode, float32; takes images (batch, 3, 224, 224) as `crops` gives them, returns logits
        (batch, 1000), one a class of ImageNet. The stand-in is the same network with random weights, so its bytes
        and times are real; its head is so steep that it is sure of an answer, whatever that says.
    Raises:
        FetchError: COURSE_MODELS asks for the real one, which cannot be fetched.
    """
    if not fetching.ready("efficientnet_lite0"):
        return _random_efficientnet()
    model = EfficientNetLite0()
    stored = torch.load(fetching.path("efficientnet_lite0"), weights_only=True)
    # The file has other names for the same tensors in the same order; a wrong pair would have another shape.
    model.load_state_dict(dict(zip(model.state_dict(), stored.values(), strict=True)))
    return model.eval()


@torch.no_grad()
def _random_efficientnet() -> EfficientNetLite0:
    """The stand-in: norms that have seen eight crops, and a head whose top answer gets more than a half."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = EfficientNetLite0()
        for module in model.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.momentum = 1.0  # take what this batch has
        model(crops(8))
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = 0.01
    model[-1].weight *= 100
    return model.eval()


PHOTOS = ("grace_hopper", "china", "flower")
SURE = """
    3 115 14 33 223 98 36 274 212 39 304 230 48 355 245 57 439 290 87 526 311 93 544 476 102 592 491 132 601 503 159
    613 626 165 724 734 171 859 743 174 931 794 189 952 887 207 1000 890 210 1042 971 234 1174 977 237 1273 989 300
    1360 1052 303 1381 1085 333 1384 1109 351 1396 1163 354 1414 1178 363 1447 1211 399 1468 1250 408 1471 1304 444
    1552 1328 501 1612 1331 516 1627 1394 549 1630 1418 615 1645 1439
"""
SURE = tuple(map(int, SURE.split()))  # the numbers of parts of which the network is sure, the photos in turn


def photos() -> dict[str, Tensor]:
    """Name -> photo, uint8 (3, height, width): Matplotlib's one, and two of scikit-learn where that is installed."""
    from matplotlib import cbook
    from PIL import Image

    files = [Path(cbook.get_sample_data("grace_hopper.jpg", asfileobj=False))]
    sklearn = find_spec("sklearn")
    if sklearn:
        images = Path(sklearn.submodule_search_locations[0], "datasets", "images")
        files += [file for name in ("china.jpg", "flower.jpg") if (file := images / name).is_file()]
    return {file.stem: torch.from_numpy(np.array(Image.open(file).convert("RGB"))).permute(2, 0, 1) for file in files}


def prepared(photo: Tensor) -> Tensor:
    """An image as EfficientNet-Lite0 wants it: uint8 (3, height, width) -> float32 (3, 224, 224), from -1 to 1."""
    from torchvision.transforms.v2 import InterpolationMode, functional

    image = functional.resize(photo, [224, 224], interpolation=InterpolationMode.BICUBIC, antialias=True)
    return (image.float() - 127) / 128


def crops(n: int, *, sure: bool = False) -> Tensor:
    """Random parts of the `photos`, float32 (n, 3, 224, 224), as EfficientNet-Lite0 wants them.

    Args:
        n: how many; the first ones are the same for every n.
        sure: only parts of which the real network is sure: it finds its answer at least four times as likely as the
            next. One in ten is so; 96 were sought beforehand, and without `sure` none of these comes.
    Returns:
        Fewer than n sure ones where there are not so many: 96, or 32 with Matplotlib's photo alone.
    """
    pictures, found = photos(), []
    for number in SURE if sure else (i for i in itertools.count() if i not in SURE):
        if len(found) == n:
            break
        name = PHOTOS[number % len(PHOTOS)]
        if name in pictures:
            found.append(prepared(_part(pictures[name], number)))
    return torch.stack(found)


def _part(photo: Tensor, number: int) -> Tensor:
    """A random part of a photo, 2 to 100 % of it, up to a third wider or higher than the photo is."""
    generator = torch.Generator().manual_seed(number)
    area, ratio, y, x = torch.rand(4, generator=generator, dtype=torch.float64).tolist()
    area, ratio = 0.02 ** (area / 2), (4 / 3) ** (ratio - 0.5)
    all_height, all_width = photo.shape[1:]
    height, width = min(all_height, int(all_height * area * ratio)), min(all_width, int(all_width * area / ratio))
    top, left = int(y * (all_height - height)), int(x * (all_width - width))
    return photo[:, top : top + height, left : left + width]
