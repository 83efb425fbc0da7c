"""A browser that is already installed, for the checks of slides and site; it never reaches the network."""

import os
import shutil
from contextlib import contextmanager
from pathlib import Path

ON_PATH = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "microsoft-edge")
CHANNELS = ("chrome", "msedge")  # playwright knows where their installers put them, on each system
SIZE = {"width": 1280, "height": 720}
LOCAL = ("file:", "data:", "blob:", "about:")


class NoBrowser(Exception):
    """No Chromium, Chrome or Edge was found, so nothing was looked at."""


def launch(playwright):
    """Start a headless browser; the environment variable ``COURSE_BROWSER``, when set, names its program.

    Args:
        playwright: of `playwright.sync_api.sync_playwright`.
    Raises:
        NoBrowser: none is installed; the message says what to do.
    """
    from playwright.sync_api import Error

    named = os.environ.get("COURSE_BROWSER")
    on_path = (shutil.which(name) for name in ON_PATH)
    program = named or next((path for path in on_path if path), None)
    ways = [{"executable_path": program}] if program else [{"channel": name} for name in CHANNELS]
    for way in ways:
        try:
            return playwright.chromium.launch(**way)
        except Error as wrong:
            why = str(wrong).splitlines()[0]
    raise NoBrowser(
        f"No browser starts ({why}). Install Chromium, Chrome or Edge, or name the program of one in the environment "
        "variable COURSE_BROWSER."
    )


@contextmanager
def page():
    """Open a headless browser; yields a page of 1280 x 720 pixels that cannot reach the network. NoBrowser as above."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as play:
        program = launch(play)
        try:
            yield program.new_context(viewport=SIZE, offline=True).new_page()
        finally:
            program.close()


@contextmanager
def watch(page):
    """Collect, as a list of texts, what a page asks of the network, files that are missing, and errors of scripts."""
    seen = []

    def requested(request):
        if not request.url.startswith(LOCAL):
            seen.append(f"asks the network for {request.url}")

    def failed(request):
        if request.url.startswith("file:"):
            seen.append(f"a file is missing: {Path(request.url).name}")

    def broke(error):
        seen.append(f"error of a script: {error}")

    listeners = {"request": requested, "requestfailed": failed, "pageerror": broke}
    for event, listener in listeners.items():
        page.on(event, listener)
    try:
        yield seen
    finally:
        for event, listener in listeners.items():
            page.remove_listener(event, listener)
