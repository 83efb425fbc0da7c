"""Submissions to the challenge for its tests: a good one, broken ones, and those that want to fool the checker."""

import zlib

import numpy as np

from course_utils.files import ROOT

GOOD = """\
import numpy as np

def load(folder):
    return np.load(f"{folder}/means.npy").astype("float32").reshape(10, 784)

def predict(model, images):
    x = images.reshape(len(images), 784).astype("float32")
    return ((model**2).sum(1) - 2 * x @ model.T).argmin(1)
"""
LOAD = "import numpy as np\nimport os, pathlib, sys, time, zlib\ndef load(folder):\n    return folder\n"


def giving(body, before=""):
    """The source of a predict.py whose predict has this body; `before` stands above it."""
    return f"{LOAD}{before}def predict(folder, images):\n    " + body.replace("\n", "\n    ") + "\n"


BROKEN = {  # name -> (predict.py, what the message says, what the hint says)
    "no predict": ("def load(folder):\n    pass\n", "NameError: predict.py defines no function predict", "by yourself"),
    "no load": ("def predict(model, images):\n    pass\n", "defines no function load", "by yourself"),
    "no Python": ("def load(folder:\n", "SyntaxError", "by yourself"),
    "raises": (giving("return 1 / 0"), "division by zero (predict.py, line 6)", "docs/challenge.md"),
    "scores": (giving("return np.zeros((len(images), 10))"), "shape (1, 10) for 1 images", "1 integers from 0 to 9"),
    "floats": (giving("return np.zeros(len(images))"), "an array of float64", "argmax"),
    "truth": (giving("return np.zeros(len(images), bool)"), "an array of bool", "argmax"),
    "texts": (giving("return ['7'] * len(images)"), "an object of type list", "an array, a tensor or a list"),
    "nothing": (giving("pass"), "an object of type NoneType", "one an image"),
    "an object": (giving("return object()"), "an object of type object", "one an image"),
    "label 10": (giving("return [10] * len(images)"), "gave the label 10", "from 0 to 9"),
    "one for all": (giving("return [7]"), "shape (1,) for 2 images", "2 integers"),
    "draws on the terminal": (
        giving("raise ValueError('x\\n\\x1b[2Jx, MNIST: above the bar')"),
        "ValueError: x  [2Jx, MNIST",
        "by yourself",
    ),
    "exits": (giving("sys.exit(0)"), "SystemExit", "by yourself"),
    "forges frames": (
        giving("for n in range(64):\n    try: os.write(n, b'\\0\\0\\0\\7{\"a\":1}' * 9)\n    except OSError: pass"),
        "an object of type NoneType",
        "one an image",
    ),
    "ends its process": (giving("os._exit(3)"), "exit status 3", "must stay alive"),
    "loops": (giving("while True: pass"), "After 2 seconds 0 of", "whole batches"),
    "is slow": (giving("time.sleep(0.8)\nreturn [7] * len(images)"), "After 2 seconds", "2 seconds for all"),
    "imports another package": (giving("import torchvision"), "No module named 'torchvision'", "Put what you need"),
    "imports the course": (giving("from course_utils import data"), "No module named 'course_utils'", "torch, numpy"),
    "imports the checker": (giving("import tools.contest.exam"), "No module named 'tools'", "torch, numpy"),
}
ONLY_CONTAINED = {  # where there are no walls, little or nothing holds these
    "takes all memory": (giving("return bytearray(1 << 33)"), "MemoryError", "by yourself"),
    "reads the labels": (giving(f"return os.listdir({str(ROOT / 'data')!r})"), "No such file", "by yourself"),
    "writes a file elsewhere": (
        giving(f"return pathlib.Path({str(ROOT / 'course_utils' / 'x')!r}).touch()"),
        "Read-only file system",
        "by yourself",
    ),
}
PATCHES = giving(
    "return np.zeros(len(images), int)",
    """
import math, torch
for owner, name in (np, "mean"), (np, "array_equal"), (torch, "equal"), (math, "sqrt"), (zlib, "crc32"):
    setattr(owner, name, lambda *args, **named: True)
checker = vars(sys.modules["__main__"])
checker.update(controls=lambda *args: ((), None), BELOW="above the bar", Verdict=None)
sys.modules["tools.contest.exam"] = sys.modules["tools.contest.jury"] = sys.modules["__main__"]
""",
)
KEYS = {"bytes": "image.tobytes()", "ink": "np.packbits(image > 100).tobytes()"}  # how a table knows an image


def table_of(images, labels, key):
    """The files of a submission that has the label of each of these images in a table."""
    known = eval(f"lambda image: zlib.crc32({KEYS[key]})", {"zlib": zlib, "np": np})
    found = np.array([known(image) for image in images], np.uint32)
    body = (
        f"keys = [zlib.crc32({KEYS[key]}) for image in images]\n"
        "raw = open(f'{folder}/table.bin', 'rb').read()\n"
        "at = np.frombuffer(raw, np.uint32, len(raw) // 5).tolist()\n"
        "table = dict(zip(at, raw[4 * len(at):]))\n"
        "return [table.get(key, 1) for key in keys]"
    )
    order = np.argsort(found)
    return {"predict.py": giving(body), "table.bin": found[order].tobytes() + labels[order].astype(np.uint8).tobytes()}


def patched(wrong, labels):
    """The files of the good submission, with a table of the images that it gets wrong."""
    table = {zlib.crc32(image.tobytes()): int(label) for image, label in zip(wrong, labels, strict=True)}
    more = (
        "def predict(model, images, plain=predict):\n"
        "    import zlib\n"
        f"    table = {table}\n"
        "    keys = [zlib.crc32(image.tobytes()) for image in images]\n"
        "    return [table.get(key, int(label)) for key, label in zip(keys, plain(model, images))]\n"
    )
    return {"predict.py": GOOD + "\n" + more}
