"""Opens every page of the site in a browser that is already installed, without a network, and names its faults."""

from tools.decks import browser

LOOK = """() => [
    ...[...document.querySelectorAll("main img:not([alt]), main img[alt='']")].map(e => "a picture has no alt text"),
    ...[...document.querySelectorAll("main mjx-merror, main .math:not(:has(mjx-container))")]
        .map(e => "a formula was not set: " + e.textContent.slice(0, 60)),
    ...[document.documentElement.scrollWidth - document.documentElement.clientWidth].filter(wide => wide > 0)
        .map(wide => `wider than a phone by ${wide} pixels`),
]"""


def report(site):
    """Print the faults of a built site; returns 1 when there are any."""
    try:
        with browser.page() as page:
            faults = check(page, site)
    except browser.NoBrowser as reason:
        print(f"Not checked. {reason}")
        return 1
    print(*faults, f"{len(pages(site))} pages, {len(faults)} faults", sep="\n")
    return 1 if faults else 0


def pages(site):
    """The pages of a site without its decks, which `slides --check` looks at."""
    return [
        path for path in sorted(site.rglob("*.html")) if path.relative_to(site).parts[0] not in ("slides", "_static")
    ]


def check(page, site):
    """Open every page as wide as a phone; list what is wrong, one text a fault.

    A fault is a request that leaves the machine or fails, an error of a script, a picture without alt text, a formula
    that was not set, and a page wider than a phone. Links are Sphinx's to judge.
    """
    faults = []
    page.set_viewport_size({"width": 390, "height": 800})
    for path in pages(site):
        with browser.watch(page) as said:
            page.goto(path.as_uri(), wait_until="load")
            page.wait_for_function("!window.MathJax || !MathJax.startup || MathJax.startup.promise.then(() => true)")
            found = page.evaluate(LOOK)
        faults += [f"{path.relative_to(site).as_posix()}: {fault}" for fault in (*said, *found)]
    return faults
