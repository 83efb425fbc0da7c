"""Looks at a deck in a browser, and names what the back row could not see or read."""

from pathlib import Path

from tools.decks.browser import watch

SCRIPT = Path(__file__).resolve().parent / "slides_template" / "check.js"


def look(page, file, *, shots=None):
    """Open a deck and show every slide with all its fragments.

    Args:
        page: of `browser.page`.
        file: of the deck, HTML.
        shots: folder for a picture of each slide, or None.
    Returns:
        list of faults, a text each: what does not fit or is too small to read, a request that left the machine or
        failed, a formula not rendered, an image without alt text, an empty slide, an error of a script, a vote without
        its answer.
    """
    with watch(page) as seen:
        page.goto(Path(file).resolve().as_uri())
        try:
            page.wait_for_function("window.deckReady === true", timeout=120_000)
        except Exception as late:
            return [*seen, f"the deck did not start: {str(late).splitlines()[0]}"]
        page.evaluate(SCRIPT.read_text(encoding="utf-8"))
        found = []
        for number in range(1, page.evaluate("check.count()") + 1):
            page.evaluate("n => check.show(n)", number)
            found += [f"slide {number}: {fault}" for fault in page.evaluate("check.faults()")]
            if shots:
                Path(shots).mkdir(parents=True, exist_ok=True)
                page.screenshot(path=str(Path(shots) / f"{number:02}.png"))
    return [*seen, *found]
