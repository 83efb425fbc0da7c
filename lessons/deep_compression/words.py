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


def file_parts(net, gaps, lengths_of):
    """The parts of the file: name -> bytes.

    Args:
        net: a network whose weights share a few values.
        gaps: the gap symbols of its weights.
        lengths_of: gives the lengths of the words, from how often each symbol comes.
    """
    weights = torch.cat([layer.weight.detach().flatten() for layer in net.children()])
    values, codes = weights[weights != 0].unique(return_inverse=True)
    codes = codes.tolist()
    of_gaps, of_codes = lengths_of(often(gaps, 32)), lengths_of(often(codes, len(values)))
    biases = torch.cat([layer.bias.detach() for layer in net.children()])
    return {
        "how many": struct.pack("<II", len(gaps), len(values)),
        "lengths of words": bytes(of_gaps + of_codes),
        "codebook": values.numpy().tobytes(),
        "biases": biases.numpy().tobytes(),
        "places": in_words(gaps, of_gaps),
        "codes": in_words(codes, of_codes),
    }
