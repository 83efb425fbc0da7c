"""Ways to damage a data file, for the tests of what is said about it; and files as a download brings them."""

import gzip
import lzma
import shutil

from course_utils import data


def truncate(path):
    path.write_bytes(path.read_bytes()[:-1000])


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


def hold(name, file):
    return lambda path: shutil.copy(data.FOLDER / name / file, path)


def publish(name, folder):
    """Put the four files of a data set into a new folder, as the mirrors have them: all as .gz."""
    folder.mkdir(parents=True)
    for path in (data.FOLDER / name).iterdir():
        (folder / f"{path.stem}.gz").write_bytes(gzip.compress(unpacked(path), 1))
    return folder
