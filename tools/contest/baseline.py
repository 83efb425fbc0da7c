"""A baseline for the challenge: LeNet-300-100, trained in front of the reader, its weights in 8 bits, with its code."""

import math

import torch
from torch import nn

from course_utils import data, models, runtime, training

EPOCHS = 6
PREDICT = '''\
import numpy as np

WIDTHS = 784, 300, 100, 10


def load(folder):
    """Of each layer: the scale and the biases in float32, then the weights in int8."""
    with open(f"{folder}/model.bin", "rb") as file:
        raw = file.read()
    layers, at = [], 0
    for n_in, n_out in zip(WIDTHS, WIDTHS[1:]):
        scale, *bias = np.frombuffer(raw, "<f4", 1 + n_out, at)
        at += 4 * (1 + n_out)
        weight = np.frombuffer(raw, "i1", n_out * n_in, at).reshape(n_out, n_in)
        at += n_out * n_in
        layers.append((scale * weight.T, np.array(bias)))
    return layers


def predict(model, images):
    x = images.reshape(len(images), 784) / np.float32(255)
    for weight, bias in model:
        x = np.maximum(x, 0) @ weight + bias
    return x.argmax(1)
'''


def write(folder, task):
    """Train on a data set of the course, and write a submission.

    Args:
        folder: a Path; made where it is missing.
        task: name of the data set.
    Raises:
        OSError: it cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    runtime.seed_all(0)
    net = models.LeNet300100()
    adam = torch.optim.Adam(net.parameters(), lr=2e-3, fused=True)
    falling = {"schedule": lambda done: 0.01 + 0.5 * (1 + math.cos(math.pi * done))}
    training.fit(net, *data.load(task), epochs=EPOCHS, batch_size=100, optimizer=adam, device="cpu", **falling)
    layers = [layer for layer in net.modules() if isinstance(layer, nn.Linear)]
    (folder / "model.bin").write_bytes(b"".join(_packed(layer) for layer in layers))
    (folder / "predict.py").write_text(PREDICT, encoding="utf-8", newline="\n")


def _packed(layer):
    """Scale and biases as float32, least byte first, then the weights as int8."""
    weight, bias = layer.weight.detach(), layer.bias.detach()
    scale = weight.abs().max() / 127
    numbers = torch.cat([scale[None], bias]).numpy().astype("<f4")
    return numbers.tobytes() + (weight / scale).round().to(torch.int8).numpy().tobytes()
