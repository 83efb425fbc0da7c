"""The few networks that come back from lesson to lesson."""

from __future__ import annotations

import torch
from torch import Tensor, nn


def make_mlp(n_in: int, n_out: int, n_layers: int) -> nn.Sequential:
    """The demonstration network of lesson 02: `n_layers` linear layers, all but the last `n_in` wide, with ReLU.

    The shape is that of PyTorch's recipe on automatic mixed precision, so that results can be compared.

    Args:
        n_in: features of an input (batch, n_in).
        n_out: features of an output (batch, n_out).
        n_layers: linear layers, 1 or more.
    Raises:
        ValueError: n_layers below 1.
    """
    if n_layers < 1:
        raise ValueError(f"n_layers must be 1 or more, got {n_layers}")
    layers: list[nn.Module] = []
    for _ in range(n_layers - 1):
        layers += [nn.Linear(n_in, n_in), nn.ReLU()]
    return nn.Sequential(*layers, nn.Linear(n_in, n_out))


class LeNet300100(nn.Module):
    """LeCun's fully connected network with hidden layers of 300 and 100 units; 266,610 parameters.

    Takes images (batch, 1, 28, 28) or rows (batch, 784); returns logits (batch, n_classes).

    Source: Y. LeCun et al., "Gradient-based learning applied to document recognition", 1998.
    """

    def __init__(self, n_classes: int = 10):
        super().__init__()
        self.fc1 = nn.Linear(28 * 28, 300)
        self.fc2 = nn.Linear(300, 100)
        self.fc3 = nn.Linear(100, n_classes)

    def forward(self, x: Tensor) -> Tensor:
        x = torch.flatten(x, 1)
        x = torch.relu(self.fc1(x))
        x = torch.relu(self.fc2(x))
        return self.fc3(x)


class LeNet(nn.Module):
    """A small convolutional network: two convolutions with pooling, three linear layers.

    Args:
        kernel: 3 for images of 28 by 28, 5 for 32 by 32; both leave 16 maps of 5 by 5 before the first
            linear layer.
        n_classes: outputs.
    Raises:
        ValueError: another kernel; in `forward`, an image of another size than the kernel fits.

    Takes images (batch, 1, side, side); returns logits (batch, n_classes).
    """

    SIDES = {3: 28, 5: 32}

    def __init__(self, kernel: int = 3, n_classes: int = 10):
        super().__init__()
        if kernel not in self.SIDES:
            raise ValueError(f"kernel must be 3 (for 28×28 images) or 5 (for 32×32), got {kernel}")
        self.side = self.SIDES[kernel]
        self.conv1 = nn.Conv2d(1, 6, kernel)
        self.conv2 = nn.Conv2d(6, 16, kernel)
        self.fc1 = nn.Linear(16 * 5 * 5, 120)
        self.fc2 = nn.Linear(120, 84)
        self.fc3 = nn.Linear(84, n_classes)

    def forward(self, x: Tensor) -> Tensor:
        if x.dim() != 4 or x.shape[1:] != (1, self.side, self.side):
            raise ValueError(f"this LeNet has kernel {self.conv1.kernel_size[0]} and takes images of shape "
                             f"(batch, 1, {self.side}, {self.side}), got {tuple(x.shape)}; "
                             "kernel 3 goes with 28×28 and kernel 5 with 32×32")
        x = torch.max_pool2d(torch.relu(self.conv1(x)), 2)
        x = torch.max_pool2d(torch.relu(self.conv2(x)), 2)
        x = torch.flatten(x, 1)
        x = torch.relu(self.fc1(x))
        x = torch.relu(self.fc2(x))
        return self.fc3(x)
