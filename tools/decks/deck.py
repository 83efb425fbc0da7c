"""Looks at a deck of slides in a browser that is already installed, names its faults, and counts."""

from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from course_utils.browser import find_browser

SCRIPTS = [Path(__file__).resolve().parent / "slides_template" / name for name in ("measure.js", "form.js")]
SIZE = {"width": 1280, "height": 720}
LOCAL = ("file:", "data:", "blob:", "about:")
# Fewest and most slides in a deck of one lesson, and minutes in its notes: in the older form, and in that of today.
LEAST_AND_MOST = {"lesson": ((12, 20), (30, 45)), "short": ((10, 16), (20, 25))}
ALWAYS = ("split", "big", "figure", "code", "text")
KINDS = (*ALWAYS, "number", "title")


class NoBrowser(Exception):
    """No Chromium, Chrome or Edge was found, so nothing was looked at."""


@dataclass
class Look:
    """What was seen of a deck.

    Attributes:
        faults: one text each: what does not fit or is too small to read, a request that left the machine or failed, a
            formula not rendered, an image without alt text, an empty slide, an error of a script.
        form: one text each: what the form of a slide asks for, or that of a lesson's deck, and this one does not have.
        slides: for each slide its layout, whether it comes after what to remember (then it is read, not shown, and does
            not count), whether it has a picture, its smallest text in pixels, and the share of the
            page under the heading that is used.
        minutes: of the notes together.
    """

    faults: list = field(default_factory=list)
    form: list = field(default_factory=list)
    slides: list = field(default_factory=list)
    minutes: float = 0

    def line(self):
        """The counts in one line."""
        if not self.slides:
            return "no slide was seen"
        kinds = Counter(slide["layout"] for slide in self.slides)
        drawn = sum(slide["picture"] for slide in self.slides) / len(self.slides)
        smallest = min(slide["smallest"] for slide in self.slides if slide["smallest"])
        layouts = ", ".join(f"{kind} {kinds[kind]}" for kind in KINDS if kinds[kind] or kind in ALWAYS)
        full = sum(slide["full"] for slide in self.slides) / len(self.slides)
        return (
            f"{len(self.slides)} slides: {layouts}; {drawn:.0%} with a picture; smallest text {smallest:.0f} px; "
            f"{full:.0%} of a page used; notes {self.minutes:g} min"
        )


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
        for script in SCRIPTS:
            page.evaluate(script.read_text(encoding="utf-8"))
        kind = page.evaluate("document.body.dataset.kind")
        found.minutes = float(page.evaluate("document.body.dataset.seconds")) / 60
        for number in range(1, page.evaluate("deck.count()") + 1):
            page.evaluate("n => deck.show(n)", number)
            found.faults += [f"slide {number}: {fault}" for fault in page.evaluate("deck.faults()")]
            found.form += [f"slide {number}: {lacking}" for lacking in page.evaluate("form.slide()")]
            found.slides.append(page.evaluate("form.counts()"))
            if shots:
                Path(shots).mkdir(parents=True, exist_ok=True)
                page.screenshot(path=str(Path(shots) / f"{number:02}.png"))
        found.faults = [*seen, *found.faults]
    found.form += [] if kind == "talk" else _of_the_whole(found, *LEAST_AND_MOST[kind])
    return found


def _of_the_whole(found, slides, minutes):
    return [
        f"{value:g} {what}, expected {least} to {most}"
        for value, (least, most), what in (
            (sum(not slide["further"] for slide in found.slides), slides, "slides"),
            (found.minutes, minutes, "minutes in the notes"),
        )
        if not least <= value <= most
    ]


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
