"""The network of the lesson qat, and how it's trained on."""

from course_utils import checkpoints, data, training

images, labels = data.load("fashion_mnist", n=12_000)
test = data.load("fashion_mnist", "test")
lenet = checkpoints.load("lenet_fashion_0")  # trained in float on the same images


def accuracy(net):
    """Per cent of the test images that the network gets right."""
    return 100 * training.evaluate(net, *test)


def train_on(net):
    """The network itself, after one more epoch with Adam: 188 training steps."""
    training.fit(net, images, labels, lr=1e-3, device="cpu", progress=False)
    return net
