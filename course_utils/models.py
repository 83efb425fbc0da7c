"""The few networks that come back from lesson to lesson."""

from __future__ import annotations

import torch
from torch import Tensor, nn


def make_mlp(n_in: int, n_out: int, n_layers: int) -> nn.Sequential:
    """The demonstration network of the lesson `amp`: `n_layers` linear layers, all but the last `n_in` wide, with ReLU.

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

    Takes images (batch, 1, 28, 28) or rows (batch, 784); returns logits (batch, 10).

    Source: Y. LeCun et al., "Gradient-based learning applied to document recognition", 1998.
    """

    def __init__(self):
        super().__init__()
        self.fc1 = nn.Linear(28 * 28, 300)
        self.fc2 = nn.Linear(300, 100)
        self.fc3 = nn.Linear(100, 10)

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
    Raises:
        ValueError: another kernel; in `forward`, an image of another size than the kernel fits.

    Takes images (batch, 1, side, side); returns logits (batch, 10).
    """

    SIDES = {3: 28, 5: 32}

    def __init__(self, kernel: int = 3):
        super().__init__()
        if kernel not in self.SIDES:
            raise ValueError(f"kernel must be 3 (for 28×28 images) or 5 (for 32×32), got {kernel}")
        self.side = self.SIDES[kernel]
        self.conv1 = nn.Conv2d(1, 6, kernel)
        self.conv2 = nn.Conv2d(6, 16, kernel)
        self.fc1 = nn.Linear(16 * 5 * 5, 120)
        self.fc2 = nn.Linear(120, 84)
        self.fc3 = nn.Linear(84, 10)

    def forward(self, x: Tensor) -> Tensor:
        if x.dim() != 4 or x.shape[1:] != (1, self.side, self.side):
            raise ValueError(
                f"this LeNet has kernel {self.conv1.kernel_size[0]} and takes images of shape "
                f"(batch, 1, {self.side}, {self.side}), got {tuple(x.shape)}; "
                "kernel 3 goes with 28×28 and kernel 5 with 32×32"
            )
        x = torch.max_pool2d(torch.relu(self.conv1(x)), 2)
        x = torch.max_pool2d(torch.relu(self.conv2(x)), 2)
        x = torch.flatten(x, 1)
        x = torch.relu(self.fc1(x))
        x = torch.relu(self.fc2(x))
        return self.fc3(x)


class LSTMClassifier(nn.Module):
    """Reads an image row by row with an LSTM and classifies its last state.

    Takes images (batch, 1, side, side) or sequences (batch, steps, n_in); returns logits (batch, 10).

    Args:
        n_in: features of a step; the side of the image.
        n_hidden: width of the LSTM's state.
    """

    def __init__(self, n_in: int = 28, n_hidden: int = 128):
        super().__init__()
        self.lstm = nn.LSTM(n_in, n_hidden, batch_first=True)
        self.fc = nn.Linear(n_hidden, 10)

    def forward(self, x: Tensor) -> Tensor:
        if x.dim() == 4:
            x = x.squeeze(1)  # (batch, rows, columns): a row is a step
        states, _ = self.lstm(x)
        return self.fc(states[:, -1])


class EncoderLayer(nn.Module):
    """A Transformer encoder layer, norm after each half as in BERT, with every projection an `nn.Linear`.

    PyTorch's own layer hides the attention's projections in one parameter, which quantization does not see.

    Args:
        width: features; a multiple of `n_heads`.
        n_heads: attention heads.
        n_inner: width of the feed-forward half.
    """

    def __init__(self, width: int, n_heads: int, n_inner: int):
        super().__init__()
        self.n_heads = n_heads
        self.qkv = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)
        self.norm1 = nn.LayerNorm(width)
        self.up = nn.Linear(width, n_inner)
        self.down = nn.Linear(n_inner, width)
        self.norm2 = nn.LayerNorm(width)

    def forward(self, x: Tensor) -> Tensor:
        batch, steps, width = x.shape
        qkv = self.qkv(x).view(batch, steps, 3, self.n_heads, width // self.n_heads)
        q, k, v = qkv.permute(2, 0, 3, 1, 4)  # each (batch, heads, steps, width of a head)
        attended = nn.functional.scaled_dot_product_attention(q, k, v)
        x = self.norm1(x + self.out(attended.transpose(1, 2).reshape(batch, steps, width)))
        return self.norm2(x + self.down(nn.functional.gelu(self.up(x))))


class Encoder(nn.Module):
    """An encoder of the shape of BERT: token and position embeddings, then `EncoderLayer`s.

    With the defaults it has BERT-base's shape, about 109 million parameters with random weights. Speed and
    size do not depend on what the weights are.

    Takes token ids (batch, steps), int64; returns states (batch, steps, width), or logits (batch, n_classes)
    from the mean over the steps where `n_classes` is given.

    Source of the shape: J. Devlin et al., "BERT", 2019, arXiv:1810.04805, section 3.
    """

    def __init__(
        self,
        n_layers: int = 12,
        width: int = 768,
        n_heads: int = 12,
        n_tokens: int = 30_522,
        max_steps: int = 512,
        n_classes: int | None = None,
    ):
        super().__init__()
        if width % n_heads:
            raise ValueError(f"width must be a multiple of n_heads, got {width} and {n_heads}")
        self.tokens = nn.Embedding(n_tokens, width)
        self.positions = nn.Embedding(max_steps, width)
        self.norm = nn.LayerNorm(width)
        self.layers = nn.Sequential(*(EncoderLayer(width, n_heads, 4 * width) for _ in range(n_layers)))
        self.head = nn.Linear(width, n_classes) if n_classes else None

    def forward(self, ids: Tensor) -> Tensor:
        if ids.shape[1] > self.positions.num_embeddings:
            raise ValueError(f"this encoder takes at most {self.positions.num_embeddings} steps, got {ids.shape[1]}")
        steps = torch.arange(ids.shape[1], device=ids.device)
        states = self.layers(self.norm(self.tokens(ids) + self.positions(steps)))
        return self.head(states.mean(1)) if self.head is not None else states


def _conv_bn_relu(n_in: int, n_out: int, *, stride: int = 1, groups: int = 1, kernel: int = 3) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(n_in, n_out, kernel, stride, kernel // 2, groups=groups, bias=False), nn.BatchNorm2d(n_out), nn.ReLU()
    )


class SmallCNN(nn.Module):
    """An ordinary CNN for images (batch, 1, 28, 28): convolution, batch norm and ReLU three times, then linear.

    Returns logits (batch, 10). `width` is the number of channels of the first block.
    """

    def __init__(self, width: int = 32):
        super().__init__()
        self.features = nn.Sequential(
            _conv_bn_relu(1, width),
            _conv_bn_relu(width, 2 * width, stride=2),
            _conv_bn_relu(2 * width, 2 * width, stride=2),
        )
        self.fc = nn.Linear(2 * width, 10)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(self.features(x).mean((2, 3)))


class DepthwiseCNN(nn.Module):
    """A depthwise-separable CNN for images (batch, 1, 28, 28), the pattern of MobileNet.

    Each block filters every channel on its own (depthwise), then mixes channels with a 1×1 convolution.
    Returns logits (batch, 10).

    Source of the pattern: A. Howard et al., "MobileNets", 2017, arXiv:1704.04861.
    """

    def __init__(self, width: int = 32):
        super().__init__()
        blocks = [_conv_bn_relu(1, width, stride=2)]
        for n_in, n_out, stride in ((width, 2 * width, 1), (2 * width, 4 * width, 2), (4 * width, 4 * width, 1)):
            blocks += [_conv_bn_relu(n_in, n_in, stride=stride, groups=n_in), _conv_bn_relu(n_in, n_out, kernel=1)]
        self.features = nn.Sequential(*blocks)
        self.fc = nn.Linear(4 * width, 10)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(self.features(x).mean((2, 3)))


class ResidualBlock(nn.Module):
    """relu(shortcut(x) + f(x)), f being two convolutions with batch norm; the shortcut is x where the shape stays."""

    def __init__(self, n_in: int, n_out: int, stride: int = 1):
        super().__init__()
        self.conv1 = nn.Conv2d(n_in, n_out, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(n_out)
        self.conv2 = nn.Conv2d(n_out, n_out, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(n_out)
        self.shortcut = (
            nn.Identity()
            if n_in == n_out and stride == 1
            else nn.Sequential(nn.Conv2d(n_in, n_out, 1, stride, bias=False), nn.BatchNorm2d(n_out))
        )

    def forward(self, x: Tensor) -> Tensor:
        y = torch.relu(self.bn1(self.conv1(x)))
        return torch.relu(self.shortcut(x) + self.bn2(self.conv2(y)))


class SmallResNet(nn.Module):
    """A residual network for images (batch, 1, 28, 28), after K. He et al., 2015, arXiv:1512.03385.

    Returns logits (batch, 10). The first block has `width` channels, the second twice as many.
    """

    def __init__(self, width: int = 32):
        super().__init__()
        self.conv = nn.Conv2d(1, width, 3, 2, 1, bias=False)
        self.bn = nn.BatchNorm2d(width)
        self.block1 = ResidualBlock(width, width)
        self.block2 = ResidualBlock(width, 2 * width, 2)
        self.fc = nn.Linear(2 * width, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = torch.relu(self.bn(self.conv(x)))
        return self.fc(self.block2(self.block1(x)).mean((2, 3)))
