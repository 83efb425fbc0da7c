"""What the lesson qat_cnn judges: DepthwiseCNN with one scale per layer, made int8 with and without a training."""

import copy
from functools import cache

import torch

from course_utils import data, training
from course_utils.legacy_int8 import best, tq

one_scale = tq.QConfig(
    activation=tq.get_default_qat_qconfig(best()).activation,
    weight=tq.default_fused_wt_fake_quant,  # one scale for all weights of a layer
)
PER_CHANNEL = tq.QConfig(one_scale.activation, tq.default_fused_per_channel_wt_fake_quant)


@cache
def test():
    """The 2,000 test images that judge, with their labels."""
    return [part[:2000] for part in data.load("fashion_mnist", "test")]


def accuracy(model):
    """In percent, on the test images."""
    return 100 * training.evaluate(model, *test())


def fused(net, qconfig=one_scale):
    """A copy in training mode, ready for prepare_qat: with stubs, each block fused to one module, and a qconfig."""
    model = tq.QuantWrapper(copy.deepcopy(net)).train()
    blocks = [[f"module.features.{block}.{part}" for part in (0, 1, 2)] for block in range(7)]
    model = tq.fuse_modules_qat(model, blocks)
    model.qconfig = qconfig
    return model


def fine_tune(prepared, order):
    """Train in place on 15 batches of 64 images, shuffled by the seed `order`, with SGD; returns the network."""
    images, labels = data.load("fashion_mnist", n=960)
    optimizer = torch.optim.SGD(prepared.parameters(), lr=0.001, momentum=0.9)
    for batch in torch.randperm(len(images), generator=torch.Generator().manual_seed(order)).split(64):
        loss = torch.nn.functional.cross_entropy(prepared(images[batch]), labels[batch])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return prepared


def int8_copy(prepared):
    """The int8 network that a prepared one becomes; the prepared one can be trained on."""
    return tq.convert(copy.deepcopy(prepared).eval())


def clip_channel(prepared, channel, max_norm=1.0):
    """Limit the gradients of one channel of the second convolution: its weights, gamma and beta, each at `max_norm`."""

    def clip(gradient):
        gradient = gradient.clone()
        gradient[channel] *= (max_norm / gradient[channel].norm()).clamp(max=1)
        return gradient

    conv = prepared.module.features[1][0]
    for parameter in (conv.weight, conv.bn.weight, conv.bn.bias):
        parameter.register_hook(clip)
    return prepared


@torch.no_grad()
def static_int8(net, per_channel=False):
    """Calibrated and converted without any training, with one scale per layer or one per channel."""
    observed = tq.prepare_qat(fused(net, PER_CHANNEL if per_channel else one_scale)).eval().apply(tq.disable_fake_quant)
    for batch in data.load("fashion_mnist", n=960)[0].split(64):
        observed(batch)  # the observers look, and nothing is rounded
    return tq.convert(copy.deepcopy(observed).eval())


@torch.no_grad()
def emptied(net):
    """A copy in which the weights of dead channels are 0."""
    net = copy.deepcopy(net)
    for conv, norm, _ in net.features:
        conv.weight[norm.running_var < 1e-20] = 0.0
    return net


@torch.no_grad()
def means_in_training(prepared):
    """The mean that each batch norm subtracts in training, over 960 images, by (layer, channel); the network stays as it is."""
    watched, found = copy.deepcopy(prepared).apply(tq.disable_observer).train(), {}
    for layer, block in enumerate(watched.module.features):

        def note(_, given, layer=layer):
            means = given[0].mean((0, 2, 3)).tolist()
            found.update({(layer, channel): mean for channel, mean in enumerate(means)})

        block[0].bn.register_forward_pre_hook(note)
    watched(data.load("fashion_mnist", n=960)[0])
    return found


def with_correct_means(prepared, chosen):
    """A copy in which the running means of the chosen channels, by `chosen(layer, channel)`, are what training subtracts."""
    corrected = copy.deepcopy(prepared)
    for (layer, channel), mean in means_in_training(prepared).items():
        if chosen(layer, channel):
            corrected.module.features[layer][0].bn.running_mean[channel] = mean
    return corrected


def patient(net, channel=63, longer=3):
    """A network to examine: one filter of a depthwise layer was made longer, and the running statistics weren't told.

    Returns:
        the prepared network, with its scales fixed; and of that layer the weights, gamma / sigma, the scale, the input
        from 960 images, the running mean and the running standard deviation.
    """
    prepared = fine_tune(tq.prepare_qat(fused(emptied(net))), order=0).apply(tq.disable_observer).requires_grad_(False)
    conv = prepared.module.features[3][0]
    conv.weight[channel] *= longer
    sigma = (conv.bn.running_var + conv.bn.eps).sqrt()
    before = copy.deepcopy(prepared)  # a pass moves the statistics
    x = before.module.features[:3](before.quant(data.load("fashion_mnist", n=960)[0]))
    return prepared, (conv.weight, conv.bn.weight / sigma, conv.weight_fake_quant.scale, x, conv.bn.running_mean, sigma)
