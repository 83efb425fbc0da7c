"""The network of the lesson depthwise, its images, and what the lesson asks of a network."""

import io

import torch

from course_utils import checkpoints, data
from course_utils.legacy_int8 import tq

images, _ = data.load("fashion_mnist", n=512)  # training images, to calibrate with
test_images, labels = (part[:2000] for part in data.load("fashion_mnist", "test"))
net = checkpoints.load("depthwise_cnn")


def accuracy(model):
    """Per cent of the test images that the model gets right."""
    answers = torch.cat([model(batch).argmax(1) for batch in test_images.split(100)])
    return 100 * (answers == labels).float().mean().item()


def kilobytes(model):
    """The size of the model's file."""
    file = io.BytesIO()
    torch.save(model.state_dict(), file)
    return file.tell() / 1000


def fold(model):
    """A copy between two stubs, in which convolution, batch norm and ReLU of each block are one module."""
    names = [[f"module.features.{block}.{part}" for part in (0, 1, 2)] for block in range(7)]
    return tq.fuse_modules(tq.QuantWrapper(model), names)
