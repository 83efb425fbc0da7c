"""the lesson `depthwise`: plausible wrong answers and odd but right ones, as a learner would write them."""

import torch
import torch.ao.quantization as tq
from torch import nn
from torch.ao.nn.quantized import FloatFunctional, QFunctional


class _WithParts(nn.Module):
    def __init__(self, conv):
        super().__init__()
        self.quant, self.dequant, self.conv, self.plus = tq.QuantStub(), tq.DeQuantStub(), conv, FloatFunctional()


def plain_plus(conv):
    class Block(nn.Module):
        def __init__(self):
            super().__init__()
            self.quant, self.dequant, self.conv = tq.QuantStub(), tq.DeQuantStub(), conv

        def forward(self, x):
            x = self.quant(x)
            return self.dequant(torch.relu(x + self.conv(x)))

    return Block()


def no_dequant(conv):
    class Block(nn.Module):
        def __init__(self):
            super().__init__()
            self.quant, self.conv, self.plus = tq.QuantStub(), conv, FloatFunctional()

        def forward(self, x):
            x = self.quant(x)
            return self.plus.add_relu(x, self.conv(x))

    return Block()


def no_quant(conv):
    class Block(nn.Module):
        def __init__(self):
            super().__init__()
            self.dequant, self.conv, self.plus = tq.DeQuantStub(), conv, FloatFunctional()

        def forward(self, x):
            return self.dequant(self.plus.add_relu(x, self.conv(x)))

    return Block()


def adds_in_float(conv):
    class Block(nn.Module):
        def __init__(self):
            super().__init__()
            self.quant, self.dequant, self.conv = tq.QuantStub(), tq.DeQuantStub(), conv

        def forward(self, x):
            return torch.relu(x + self.dequant(self.conv(self.quant(x))))

    return Block()


def relu_forgotten(conv):
    class Block(_WithParts):
        def forward(self, x):
            x = self.quant(x)
            return self.dequant(self.plus.add(x, self.conv(x)))

    return Block(conv)


def relu_too_early(conv):
    class Block(_WithParts):
        def forward(self, x):
            x = self.quant(x)
            return self.dequant(self.plus.add(x, torch.relu(self.conv(x))))

    return Block(conv)


def without_the_shortcut(conv):
    class Block(nn.Module):
        def __init__(self):
            super().__init__()
            self.quant, self.dequant, self.conv = tq.QuantStub(), tq.DeQuantStub(), conv

        def forward(self, x):
            return self.dequant(torch.relu(self.conv(self.quant(x))))

    return Block()


def wrapped(conv):
    class Inner(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv, self.plus, self.relu = conv, FloatFunctional(), nn.ReLU()

        def forward(self, x):
            return self.relu(self.plus.add(self.conv(x), x))

    return tq.QuantWrapper(Inner())


def two_stubs(conv):
    class Block(nn.Module):
        def __init__(self):
            super().__init__()
            self.left, self.right, self.out = tq.QuantStub(), tq.QuantStub(), tq.DeQuantStub()
            self.conv, self.plus = conv, FloatFunctional()

        def forward(self, x):
            return self.out(self.plus.add(self.left(x), self.conv(self.right(x)))).clamp(min=0)

    return Block()


def relu_in_float_before(conv):
    class Block(_WithParts):
        def forward(self, x):
            x = self.quant(torch.relu(x))
            return self.dequant(self.plus.add_relu(x, self.conv(x)))

    return Block(conv)


def multiplies(conv):
    class Block(_WithParts):
        def forward(self, x):
            x = self.quant(x)
            return self.dequant(torch.relu(self.plus.mul(x, self.conv(x))))

    return Block(conv)


def convolved_twice(conv):
    class Block(_WithParts):
        def forward(self, x):
            x = self.quant(x)
            y = self.conv(x)
            return self.dequant(self.plus.add_relu(y, self.conv(y)))

    return Block(conv)


def makes_its_own_convolution(conv):
    class Block(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2d(conv.in_channels, conv.out_channels, conv.kernel_size, padding=conv.padding)
            self.quant, self.sum, self.dequant = tq.QuantStub(), FloatFunctional(), tq.DeQuantStub()

        def forward(self, x):
            x = self.quant(x)
            return self.dequant(self.sum.add_relu(x, self.conv(x)))

    return Block()


def convolution_in_a_list(conv):
    class Block(nn.Module):
        def __init__(self):
            super().__init__()
            self.parts = [conv]
            self.quant, self.sum, self.dequant = tq.QuantStub(), FloatFunctional(), tq.DeQuantStub()

        def forward(self, x):
            x = self.quant(x)
            return self.dequant(self.sum.add_relu(x, self.parts[0](x)))

    return Block()


def int8_at_once(conv):
    class Block(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv, self.sum = conv, QFunctional()
            self.quant, self.dequant = tq.QuantStub(), tq.DeQuantStub()

        def forward(self, x):
            x = self.quant(x)
            return self.dequant(self.sum.add_relu(x, self.conv(x)))

    return Block()


def all_parts_in_a_list(conv):
    class Block(nn.Module):
        def __init__(self):
            super().__init__()
            self.parts = [tq.QuantStub(), conv, FloatFunctional(), tq.DeQuantStub()]

        def forward(self, x):
            quant, conv, plus, dequant = self.parts
            x = quant(x)
            return dequant(plus.add_relu(x, conv(x)))

    return Block()


def quantized_at_both_ends(conv):
    class Block(nn.Module):
        def __init__(self):
            super().__init__()
            self.enter, self.leave, self.conv, self.plus = tq.QuantStub(), tq.QuantStub(), conv, FloatFunctional()

        def forward(self, x):
            x = self.enter(x)
            return self.leave(self.plus.add_relu(x, self.conv(x)))

    return Block()


def clamped_at_6(conv):
    class Block(_WithParts):
        def __init__(self):
            super().__init__(conv)
            self.relu = nn.ReLU6()

        def forward(self, x):
            x = self.quant(x)
            return self.dequant(self.relu(self.plus.add(x, self.conv(x))))

    return Block()


WRONG = {
    "residual_block": [
        plain_plus,
        no_dequant,
        no_quant,
        adds_in_float,
        relu_forgotten,
        relu_too_early,
        without_the_shortcut,
        relu_in_float_before,
        multiplies,
        convolved_twice,
        makes_its_own_convolution,
        convolution_in_a_list,
        int8_at_once,
        all_parts_in_a_list,
        quantized_at_both_ends,
        clamped_at_6,
    ],
}
ODD = {
    "residual_block": [wrapped, two_stubs],
}
# Mutants of the solutions that are as right as the solution: what was changed -> why.
EQUIVALENT = {
    "residual_block": {
        "return self.dequant(self.sum.add_relu(x, self.conv(x))): self.sum.add_relu(x, self.conv(x)): arguments swapped": (
            "a sum does not depend on the order of its parts"
        ),
    },
}
