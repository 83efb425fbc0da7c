"""Ways to damage a data file, for the tests of what is said about it."""

import gzip
import shutil

from course_utils import data


def truncate(path):
    path.write_bytes(path.read_bytes()[:-1000])


def cut_the_trailer(path):
    path.write_bytes(path.read_bytes()[:-4])


def flip_a_bit(path, *, at=0.5):
    content = bytearray(path.read_bytes())
    content[int(len(content) * at)] ^= 1
    path.write_bytes(content)


def flip_a_pixel(path):
    raw = bytearray(gzip.decompress(path.read_bytes()))
    raw[-1] ^= 1
    path.write_bytes(gzip.compress(raw, 1))


def unpack(path):
    path.write_bytes(gzip.decompress(path.read_bytes()))


def be_a_folder(path):
    path.unlink()
    path.mkdir()


def hold(name, file):
    return lambda path: shutil.copy(data.FOLDER / name / file, path)
