"""Weigh a model of your own: its bytes, its time, and which way to make it smaller or faster fits it.

    weigh my_model.py                       the table, report.json and the recommended file, in the folder yours
    weigh my_model.py --limits mb=5 ms=20   for a device that takes 5 MB, and 20 ms a call on one thread
    weigh my_model.py --minutes 10          on a slow machine, or for a large model
    weigh my_model.py --peers               with ONNX Runtime and OpenVINO, which are installed first

my_model.py holds a function that returns the model and some batches, each batch one call as you would serve it:

    import torch
    from network import Network  # your code, which may lie beside this file

    def yours():
        model = Network()
        model.load_state_dict(torch.load("/home/me/weights.pt"))
        images = torch.load("/home/me/images.pt")  # some hundred of yours, of shape (N, 3, 32, 32)
        return model, [image[None] for image in images]

A relative path in it counts from the folder in which you type the command.

Give many inputs: a third of them calibrates, a third chooses, and a third tries the recommended form. Where none of n
answers changed, up to 3 / n of all may change: 15 % with 60 inputs (20 try), 1 % with 900.

The exit status is 0 when the file keeps the limits, and 3 when nothing does: then what comes closest is written, called
closest_model and not your_model, and report.json says "keeps_limits": false. It is 1 when the model cannot be weighed.

A third value may be the labels. Functions `train(model)` and `answer(output)` in the file are used where there are any.
"""

import argparse
import atexit
import inspect
import os
import runpy
import sys
from pathlib import Path

from course import say
from course_utils.files import need

OPTION_REQUIRES = {"--peers": ("deploy",)}
NAME = "yours"
NO_FIT = 3  # exit status
TO_WRITE = f"def {NAME}():\n    return model, batches  # a torch.nn.Module, and a list of inputs"


class Wrong(Exception):
    """The file is not what was expected; says what was wrong, what is expected, and what to do."""


def main(argv):
    """Weigh the model of a file; returns 1 when that is not possible, 3 when no form keeps the limits, else 0."""
    parser = argparse.ArgumentParser(
        prog="course.py weigh",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,  # else --limit would be taken, and a spelling of an option to come
    )
    parser.add_argument(
        # Plain texts: the help before the set-up reads them here.
        "file",
        metavar="FILE",
        help="a Python file with a function yours that returns (model, batches)",
    )
    parser.add_argument(
        "--limits",
        nargs="+",
        default=[],
        metavar="NAME=NUMBER",
        help="at most: mb of the file, ms a call on one thread; at least, from 0 to 1: agreement (answers that stay), "
        "accuracy (right answers); without these two, 0.98 of the answers must stay",
    )
    parser.add_argument("--minutes", type=float, default=5.0, help="after which no further way is begun; default 5")
    parser.add_argument("--to", default="yours", metavar="FOLDER", help="where the two files go; default: yours")
    parser.add_argument(
        "--peers", action="store_true", help="install ONNX Runtime and OpenVINO first, and weigh with them, too"
    )
    options = parser.parse_args(argv)
    atexit.register(_no_more_errors)
    if options.peers:
        need("onnx", "onnxscript", "onnxruntime", "openvino")
    try:
        import weigh  # here, since it imports torch
        from weigh.result import checked

        limits = checked(_limits(options.limits))  # before the file runs, which may take minutes
        found = _run(Path(options.file))
        given, names = _given(found, options.file)
        _, report = weigh.weigh(*given, **names, limits=limits, folder=options.to, minutes=options.minutes, say=say)
    except Wrong as error:
        say(str(error))
        return 1
    except (TypeError, ValueError) as error:
        say(f"{options.file} cannot be weighed: {error}")
        return 1
    say(f"{options.to}/report.json" + (f" and {options.to}/{report['file']}" if report["file"] else ""))
    return 0 if report["keeps_limits"] else NO_FIT


def _no_more_errors():
    """At the end of the process some packages (triton) count what they have not freed, and print it as errors."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)


def _limits(words):
    """["mb=5"] -> {"mb": 5.0}."""
    try:
        return {name: float(number) for name, number in (word.split("=") for word in words)}
    except ValueError:
        raise Wrong(f"--limits {' '.join(words)}: expected NAME=NUMBER, for example --limits mb=5 ms=20") from None


def _run(path):
    """Name -> what a Python file defines."""
    if path.suffix != ".py" and path.is_file():
        raise Wrong(
            f"{path} holds a model or its weights, and a Python file was expected that loads it. Write my_model.py,\n\n"
            "import torch\n\n"
            f"def {NAME}():\n    model = Network()  # your network's class\n"
            f"    model.load_state_dict(torch.load({str(path.resolve())!r}))\n"
            "    return model, [image[None] for image in images]  # some images of yours\n\nand weigh that. If the "
            "file holds a whole model and you trust it, torch.load(..., weights_only=False) is it. A .pt2 becomes one "
            f"by torch.export.load({str(path.resolve())!r}).module(); an ONNX file does not become one"
        )
    if not path.is_file():
        raise Wrong(f"There is no file {path}. Expected: a Python file with a function,\n\n{TO_WRITE}")
    sys.path.insert(0, str(path.resolve().parent))  # what lies beside the file can be imported
    try:
        return runpy.run_path(str(path), run_name=path.stem)
    except Exception as error:
        raise Wrong(
            f"{path} failed while it was run: {_told(error)}. Expected: it runs by itself, as with "
            f"python {path}. Mend that first"
        ) from error


def _told(error):
    """An error in words; of a missing file, from where its name counts."""
    counts = f" (a relative path counts from {Path.cwd()})" * isinstance(error, FileNotFoundError)
    return f"{type(error).__name__}: {error}{counts}"


def _given(found, file):
    """What the function returns, as positions and names of `weigh.weigh`."""
    if not inspect.isfunction(found.get(NAME)) or inspect.signature(found[NAME]).parameters:
        raise Wrong(f"{file} has no function {NAME} without arguments. Expected:\n\n{TO_WRITE}")
    try:
        given = found[NAME]()
    except Exception as error:
        raise Wrong(f"{NAME}() in {file} failed: {_told(error)}. Mend that first") from error
    if not isinstance(given, tuple) or len(given) not in (2, 3):
        raise Wrong(
            f"{NAME}() in {file} returned {type(given).__name__}, and (model, batches) was expected, or (model, "
            "batches, labels): let it return these"
        )
    names = {key: found[key] for key in ("train", "answer") if inspect.isfunction(found.get(key))}
    return given[:2], names | ({"labels": given[2]} if len(given) == 3 else {})
