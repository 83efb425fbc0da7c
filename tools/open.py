"""Open the lessons in JupyterLab, on your own copies in workspace/."""

import argparse
import os
import sys
import webbrowser

import course
from tools.environment import doctor
from tools.publishing import lessons, worksheets
from tools.workspace import lab, start, workspace

NOTEBOOKS = course.ROOT / "notebooks"
WORKSPACE = workspace.WORKSPACE
FATAL = ("Python", "PyTorch", "JupyterLab")  # without these no lesson opens; with other faults some do


def main(argv):
    """Examine the machine, fill the workspace, start JupyterLab; returns its exit status."""
    parser = argparse.ArgumentParser(prog="course.py open", description=__doc__)
    parser.add_argument("lesson", nargs="?", metavar="NAME", help="a lesson to open at, for example energy or 1.3")
    parser.add_argument("--no-open", action="store_true", help="print the address, open no browser")
    parser.add_argument("--port", type=int, help="port of JupyterLab (default: 8888, or the next free one)")
    options = parser.parse_args(argv)
    browser = has_display() and not options.no_open
    yours = options.lesson == worksheets.YOURS.name
    lesson = worksheets.YOURS if yours else lessons.select([options.lesson])[0] if options.lesson else None
    address = running(lesson)
    if address:
        course.say(
            f"The course is already open, at {address}\nUse that one, or end it first with Ctrl-C in its terminal."
        )
        if browser:
            webbrowser.open(address)
        return 0
    course.say("Looking at this machine ...")
    if not examine():
        return 1
    if not prepare_workspace():
        return 1
    course.say(
        f"To begin a lesson anew: {doctor.START} reset NUMBER\n"
        "Starting JupyterLab. Ctrl-C ends it. "
        + ("The address, should no browser open:" if browser else "Open this address in a browser:")
    )
    words = lab.command(WORKSPACE, page(lesson), browser=browser, port=options.port)
    return course.hand_over(words, lab.environment(WORKSPACE))


def examine():
    """Print the doctor's faults and a summary; False when one of them lets no lesson open."""
    findings = doctor.examine()
    faults = [finding for finding in findings if finding.status == "fault"]
    for fault in faults:
        course.say(f"Fault: {fault.name}: {fault.detail} What to do: {fault.remedy}")
    course.say(
        f"Doctor: {len(findings) - len(faults)} of {len(findings)} points without a fault"
        + (f". All of them: {doctor.START} doctor" if faults else ".")
    )
    return not any(fault.name in FATAL for fault in faults)


def running(lesson=None):
    """The address of a JupyterLab that serves this workspace, at a lesson or at the start page; or None."""
    server = lab.server_of(WORKSPACE)
    return f"{server['url']}{page(lesson)[1:]}?token={server['token']}" if server else None


def prepare_workspace():
    """Fill the workspace, make the start page, say what a learner should know; False where it cannot be written."""
    there = any(NOTEBOOKS.rglob("*.ipynb"))
    if not there:
        course.say(
            f"There are no notebooks in {NOTEBOOKS}. Download the whole repository, or make them: {doctor.START} build"
        )
    try:
        said = workspace.fill(NOTEBOOKS, WORKSPACE) + (start.write(WORKSPACE, at_start=True) if there else [])
    except OSError as error:
        course.say(
            f"The folder {WORKSPACE} cannot be filled: {error.strerror}: {error.filename}.\n{workspace.ELSEWHERE}"
        )
        return False
    for line in [*said, f"Your copies of the lessons are in {WORKSPACE}."]:
        course.say(line)
    return True


def has_display():
    """True when a browser can be opened in front of the user."""
    if os.environ.get("CI") or os.environ.get("SSH_CONNECTION") or os.environ.get("SSH_TTY"):
        return False
    if sys.platform in ("win32", "darwin"):
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def page(lesson=None):
    """Where JupyterLab opens: the copy of a lesson, else the start page, else the list of files."""
    for place in (lesson.place if lesson else workspace.START_PAGE, workspace.START_PAGE):
        if (WORKSPACE / place).exists():
            return f"/lab/tree/{place}"
    return "/lab"
