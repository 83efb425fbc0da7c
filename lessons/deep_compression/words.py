"""Words of bits for the file of the lesson deep_compression, and the file."""

import heapq
import struct

import torch


def often(symbols, many):
    """How often each of the symbols 0 to many - 1 comes."""
    counts = [0] * many
    for symbol in symbols:
        counts[symbol] += 1
    return counts


def fixed(counts):
    """Words of one length for all symbols."""
    return [(len(counts) - 1).bit_length()] * len(counts)


def huffman(counts):
    """The length of each symbol's word: join the two rarest groups until one is left. 0 for a symbol that never comes."""
    lengths = [0] * len(counts)
    heap = [(count, [symbol]) for symbol, count in enumerate(counts) if count]
    heapq.heapify(heap)
    while len(heap) > 1:
        (few, rare), (more, others) = heapq.heappop(heap), heapq.heappop(heap)
        for symbol in rare + others:
            lengths[symbol] += 1
        heapq.heappush(heap, (few + more, rare + others))
    return lengths


def words(lengths):
    """The word of each symbol: shorter words first, each the one before plus 1; a longer one has zeros added."""
    found, number, before = {}, 0, 0
    for length, symbol in sorted((length, symbol) for symbol, length in enumerate(lengths) if length):
        number <<= length - before
        found[symbol], before = f"{number:0{length}b}", length
        number += 1
    return found


def in_words(symbols, lengths):
    """The words of the symbols, end to end, filled up with zeros to a whole byte; a symbol that is alone takes no bits."""
    of = words(lengths)
    bits = "".join(of.get(symbol, "") for symbol in symbols)
    n_bytes = -(-len(bits) // 8)
    return int(bits.ljust(8 * n_bytes, "0") or "0", 2).to_bytes(n_bytes, "big")


def gap_symbols(weights, bits=5):
    """The gap before each weight that is not 0, in symbols, as section 2 of the lesson writes it."""
    escape = 2**bits - 1
    symbols, places = [], weights.nonzero().flatten()
    for gap in (places.diff(prepend=torch.tensor([-1])) - 1).tolist():
        symbols += [escape] * (gap // escape) + [gap % escape]
    return symbols


def file_parts(net, gaps, lengths_of, shared=True):
    """The parts of the file: name -> bytes.

    Args:
        net: the network.
        gaps: the gap symbols of its weights; None where a file has every weight, zeros as well.
        lengths_of: gives the lengths of the words, from how often each symbol comes.
        shared: whether the weights share a few values; if not, their symbols are the bytes of the floats.
    """
    weights = torch.cat([layer.weight.detach().flatten() for layer in net.children()])
    kept, values = (weights if gaps is None else weights[weights != 0]), torch.empty(0)
    if shared:
        values, codes = kept.unique(return_inverse=True)
    else:
        codes = torch.frombuffer(bytearray(kept.numpy().tobytes()), dtype=torch.uint8)
    codes, gaps = codes.tolist(), gaps or []
    of_gaps = lengths_of(often(gaps, 32)) if gaps else []
    of_codes = lengths_of(often(codes, len(values) if shared else 256))
    biases = torch.cat([layer.bias.detach() for layer in net.children()])
    return {
        "how many": struct.pack("<II", len(gaps), len(values)),
        "lengths of words": bytes(of_gaps + of_codes) if lengths_of is not fixed else b"",
        "codebook": values.numpy().tobytes(),
        "biases": biases.numpy().tobytes(),
        "places": in_words(gaps, of_gaps),
        "codes": in_words(codes, of_codes),
    }
