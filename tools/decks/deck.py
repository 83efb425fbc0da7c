"""Looks at a deck of slides in a browser that is already installed, and names what a room could not see or read."""

from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tools.decks.browser import find_browser

CHECK = Path(__file__).resolve().parent / "slides_template" / "check.js"
SIZE = {"width": 1280, "height": 720}
LOCAL = ("file:", "data:", "blob:", "about:")


class NoBrowser(Exception):
    """No Chromium, Chrome or Edge was found, so nothing was looked at."""


@dataclass
class Look:
    """What was seen of a deck.

    Attributes:
        faults: one text each: what does not fit or is too small or too much to read, a request that left the machine or
            failed, a formula not rendered, an image without alt text, an empty slide, an error of a script, a vote
            without its answer.
        sizes: the smallest text of each slide in pixels.
        minutes: of the notes together.
    """

    faults: list = field(default_factory=list)
    sizes: list = field(default_factory=list)
    minutes: float = 0

    def line(self):
        """The counts in one line."""
        if not self.sizes:
            return "no slide was seen"
        return f"{len(self.sizes)} slides; smallest text {min(self.sizes):.0f} px; notes {self.minutes:g} min"


@contextmanager
def browser():
    """Open a headless browser; yields a page of 1280 x 720 pixels that cannot reach the network.

    Raises:
        NoBrowser: none is installed; the message says what to do.
    """
    path = find_browser()
    if path is None:
        raise NoBrowser("no browser. Install Chromium, Chrome or Edge, or name one in COURSE_BROWSER.")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as play:
        program = play.chromium.launch(executable_path=path)
        try:
            yield program.new_context(viewport=SIZE, offline=True).new_page()
        finally:
            program.close()


def look(page, deck, *, shots=None):
    """Open a deck and show every slide with all its fragments.

    Args:
        page: from `browser`.
        deck: path of the HTML file.
        shots: folder for a PNG of each slide, or None.
    Returns:
        Look.
    """
    found = Look()
    with watch(page) as seen:
        page.goto(Path(deck).resolve().as_uri())
        try:
            page.wait_for_function("window.deckReady === true", timeout=60_000)
        except Exception as late:
            found.faults = [*seen, f"the deck did not start: {str(late).splitlines()[0]}"]
            return found
        page.evaluate(CHECK.read_text(encoding="utf-8"))
        found.minutes = float(page.evaluate("document.body.dataset.seconds")) / 60
        for number in range(1, page.evaluate("check.count()") + 1):
            page.evaluate("n => check.show(n)", number)
            found.faults += [f"slide {number}: {fault}" for fault in page.evaluate("check.faults()")]
            found.sizes.append(page.evaluate("check.smallest()"))
            if shots:
                Path(shots).mkdir(parents=True, exist_ok=True)
                page.screenshot(path=str(Path(shots) / f"{number:02}.png"))
        found.faults = [*seen, *found.faults]
    return found


@contextmanager
def watch(page):
    """Collect what a deck asks for and complains of; a request that fails here is a fault too."""
    seen = []

    def requested(request):
        if not request.url.startswith(LOCAL):
            seen.append(f"asks the network for {request.url}")

    def failed(request):
        if request.url.startswith("file:"):
            seen.append(f"a file is missing: {Path(request.url).name}")

    listeners = {
        "request": requested,
        "requestfailed": failed,
        "pageerror": lambda error: seen.append(f"error of a script: {error}"),
    }
    for event, listener in listeners.items():
        page.on(event, listener)
    try:
        yield seen
    finally:
        for event, listener in listeners.items():
            page.remove_listener(event, listener)
