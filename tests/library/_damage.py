"""Ways to damage a data file, for the tests of what is said about it; and files as a download brings them."""

import gzip
import lzma


def flip_a_bit(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def unpacked(path):
    return (lzma if path.suffix == ".xz" else gzip).decompress(path.read_bytes())


def flip_a_pixel(path):
    raw = bytearray(unpacked(path))
    raw[-1] ^= 1
    path.write_bytes(lzma.compress(raw, preset=0) if path.suffix == ".xz" else gzip.compress(raw, 1))
