"""A reader for the file of the lesson deep_compression: it knows the format, and shares no code with the writer.

``python -m lessons.deep_compression.reader FILE`` says what the network in a file gets right, and its digest.
"""

import hashlib
import struct
import sys
from pathlib import Path

import torch

from course_utils import data, models, training


def symbols(content, lengths, many):
    """Read words: so many symbols, and how many bytes their words took."""
    if not any(lengths):
        return [0] * many, 0
    names, word = {}, 0
    for length in range(1, max(lengths) + 1):
        word *= 2
        for symbol in (symbol for symbol, own in enumerate(lengths) if own == length):
            names[length, word] = symbol
            word += 1
    found, word, length, at = [], 0, 0, 0
    while len(found) < many:
        word, length, at = 2 * word + (content[at // 8] >> (7 - at % 8) & 1), length + 1, at + 1
        if (length, word) in names:
            found.append(names[length, word])
            word, length = 0, 0
    return found, -(-at // 8)


def read(path):
    """The LeNet-300-100 of a file."""
    content, net = Path(path).read_bytes(), models.LeNet300100()
    n_gaps, n_values = struct.unpack_from("<II", content)
    lengths, at = content[8 : 40 + n_values], 40 + n_values
    n_biases = sum(layer.bias.numel() for layer in net.children())
    floats = torch.tensor(struct.unpack_from(f"<{n_values + n_biases}f", content, at))
    at += 4 * len(floats)
    gaps, took = symbols(content[at:], lengths[:32], n_gaps)
    places, place = [], -1
    for gap in gaps:
        place += gap + (gap < 31)  # 31 zeros, and no weight yet
        places += [place] if gap < 31 else []
    codes, _ = symbols(content[at + took :], lengths[32:], len(places))
    weights = torch.zeros(sum(layer.weight.numel() for layer in net.children()))
    weights[places] = floats[:n_values][codes]
    biases = floats[n_values:]
    with torch.no_grad():
        for layer in net.children():
            rows, columns = layer.weight.shape
            layer.weight.copy_(weights[: rows * columns].view(rows, columns))
            layer.bias.copy_(biases[:rows])
            weights, biases = weights[rows * columns :], biases[rows:]
    return net


def report(net):
    """What a network gets right of the test digits, and the beginning of a digest of all its bits."""
    numbers = [tensor for layer in net.children() for tensor in (layer.weight, layer.bias)]
    bits = b"".join(tensor.detach().numpy().tobytes() for tensor in numbers)
    right = 100 * training.evaluate(net, *data.load("mnist", "test"))
    return f"{right:.2f} % right, digest {hashlib.sha256(bits).hexdigest()[:16]}"


if __name__ == "__main__":
    torch.set_num_threads(1)
    print(report(read(sys.argv[1])))
