"""Shapes and sizes of the networks, and what they say about wrong input."""

import pytest
import torch

from course_utils import models


def count(model):
    return sum(p.numel() for p in model.parameters())


def test_lenet_300_100_has_the_published_size():
    model = models.LeNet300100()
    assert count(model) == 784 * 300 + 300 + 300 * 100 + 100 + 100 * 10 + 10 == 266_610
    images = torch.randn(2, 1, 28, 28)
    assert model(images).shape == (2, 10)
    assert torch.equal(model(images), model(images.flatten(1)))


@pytest.mark.parametrize(("kernel", "side"), [(3, 28), (5, 32)])
def test_lenet_fits_its_images(kernel, side):
    model = models.LeNet(kernel)
    assert model(torch.randn(2, 1, side, side)).shape == (2, 10)
    assert model.fc1.in_features == 400


@pytest.mark.parametrize(("kernel", "shape"), [(3, (2, 1, 32, 32)), (5, (2, 1, 28, 28)), (3, (2, 784)),
                                               (3, (2, 3, 28, 28))])
def test_lenet_names_the_image_it_wants(kernel, shape):
    with pytest.raises(ValueError, match="kernel 3 goes with 28×28 and kernel 5 with 32×32"):
        models.LeNet(kernel)(torch.randn(shape))


def test_lenet_refuses_another_kernel():
    with pytest.raises(ValueError, match="got 4"):
        models.LeNet(4)


def test_mlp_has_as_many_linear_layers_as_asked():
    model = models.make_mlp(8, 3, 4)
    linear = [m for m in model if isinstance(m, torch.nn.Linear)]
    assert [(m.in_features, m.out_features) for m in linear] == [(8, 8), (8, 8), (8, 8), (8, 3)]
    assert isinstance(model[-1], torch.nn.Linear)
    assert models.make_mlp(8, 3, 1)(torch.randn(5, 8)).shape == (5, 3)


def test_mlp_refuses_no_layer():
    with pytest.raises(ValueError, match="1 or more"):
        models.make_mlp(8, 3, 0)
