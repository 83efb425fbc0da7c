"""The course on machines of others: its public address, and what leads from there to Binder and Colab."""

import copy
import re

import nbformat

from course_utils.files import ROOT
from tools.environment import curriculum
from tools.publishing import openmp
from tools.publishing.lessons import START_PAGE

GITHUB = re.compile(r"https://github\.com/([\w.-]+)/([\w.-]+?)(?:\.git)?/?")
FIRST_CELL = """\
# In Colab only: brings the course here. Run this cell first. It takes some minutes, then the session starts anew:
# run it once more, and go on. All of it is lost when Colab ends the session.
import os, subprocess, sys, zipfile
from pathlib import Path

os.environ.update({waiting})  # how long a thread of PyTorch waits awake

ADDRESS = "{address}"
course = Path("course").resolve()
if not (course / "course.py").exists() and ADDRESS:
    subprocess.run(["git", "clone", "--depth", "1", ADDRESS, str(course)], check=True)
elif not (course / "course.py").exists():
    packed = list(Path().glob("*.zip"))
    if not packed:
        raise SystemExit("There is no zip of the course here. Upload one (the folder sign), then run this cell again.")
    if not zipfile.is_zipfile(packed[0]):
        raise SystemExit(f"{{packed[0]}} is not whole yet. Wait for the end of the upload, then run this cell again.")
    inside = [name for name in zipfile.ZipFile(packed[0]).namelist() if Path(name).name == "course.py"]
    if not inside:
        raise SystemExit(f"{{packed[0]}} holds no course. Delete it, and upload a zip of the whole folder.")
    zipfile.ZipFile(packed[0]).extractall("unpacked")
    Path("unpacked", min(inside, key=len)).parent.rename(course)
done = course / "build" / "installed"
if not done.exists():
    words = ["-m", "pip", "install", "-q", "-c", str(course / "constraints.txt"), "-e", str(course)]
    if subprocess.run([sys.executable, *words]).returncode:
        raise SystemExit("The packages could not be installed. What pip said stands above.")
    done.parent.mkdir(exist_ok=True)
    done.touch()
    print("Installed. The session starts anew now: run this cell once more, then go on.", flush=True)
    os.kill(os.getpid(), 9)  # what is loaded already is of another version
print("The course is here:", course)"""


def repository(root=ROOT):
    """The public address of the course, from lessons/course.toml; "" while it has none.

    Raises:
        ValueError: another address than https://github.com/OWNER/NAME, which is what Binder's link is made from.
    """
    address = curriculum.read(root).get("repository", "")
    if address and not GITHUB.fullmatch(address):
        raise ValueError(f"course.toml: repository is {address!r}; expected https://github.com/OWNER/NAME, or nothing")
    return address


def binder(address):
    """Where Binder opens the course, at the learner's start page."""
    owner, name = GITHUB.fullmatch(address).groups()
    return f"https://mybinder.org/v2/gh/{owner}/{name}/HEAD?urlpath=lab/tree/workspace/{START_PAGE}"


def first_cell(address):
    """What a notebook does in Colab before anything else, as code; `address` may be ""."""
    told = ", ".join(f'{name}="{text}"' for name, text in openmp.BRIEFLY.items())
    return FIRST_CELL.format(address=address, waiting=told)


def for_colab(nb, address):
    """A copy of a learner's notebook with the first cell for Colab; `nb` is left as it was."""
    shown = copy.deepcopy(nb)
    shown.cells.insert(0, nbformat.v4.new_code_cell(first_cell(address), id="colab"))
    return shown


def link(root=ROOT):
    """README's line that leads to Binder; empty while the course has no public address."""
    address = repository(root)
    return f"[Try it on Binder, without an installation]({binder(address)})." if address else ""
