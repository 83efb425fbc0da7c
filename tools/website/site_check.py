"""Opens every page of the site in a browser that is already installed, without a network, and names its faults."""

from urllib.parse import unquote, urldefrag, urlparse

from tools.decks import deck

LOOK = """() => ({
    links: [...document.querySelectorAll("a[href]")].map(a => new URL(a.getAttribute("href"), location).href),
    ids: [...document.querySelectorAll("[id]")].map(e => e.id),
    alts: [...document.querySelectorAll("main [role=img]:not([aria-hidden=true], [title]), main img")]
        .map(e => e.getAttribute("aria-label") || e.alt || ""),
    raw: [...document.querySelectorAll("main mjx-merror, main .math:not(:has(mjx-container))")].map(e => e.textContent),
    wide: document.documentElement.scrollWidth - document.documentElement.clientWidth,
})"""


def report(site):
    """Print the faults of a built site; returns 1 when there are any."""
    try:
        with deck.browser() as page:
            faults = check(page, site)
    except deck.NoBrowser as reason:
        print(f"Not run: {reason}")
        return 1
    print(*faults, f"{len(list(pages(site)))} pages, {len(faults)} faults", sep="\n")
    return 1 if faults else 0


def pages(site):
    """The pages of a site, decks left out: they have a check of their own."""
    return [
        path for path in sorted(site.rglob("*.html")) if path.relative_to(site).parts[0] not in ("slides", "_static")
    ]


def check(page, site):
    """Open every page; list what is wrong, one text a fault.

    Args:
        page: of `deck.browser`.
        site: folder of a built site.

    A fault is a request that leaves the machine or fails, an error of a script, a link inside the site that leads
    nowhere, a picture without alt text, a formula that was not set, and a page wider than a phone.
    """
    seen, faults = {}, []
    for path in pages(site):
        with deck.watch(page) as said:
            page.set_viewport_size({"width": 390, "height": 800})
            page.goto(path.as_uri(), wait_until="load")
            page.wait_for_function("!window.MathJax || !MathJax.startup || MathJax.startup.promise.then(() => true)")
            seen[path] = page.evaluate(LOOK)
            faults += [f"{path.relative_to(site)}: {fault}" for fault in said]
    for path, found in seen.items():
        faults += [f"{path.relative_to(site)}: {fault}" for fault in _faults(path, found, seen)]
    return faults


def _faults(path, found, seen):
    for link in sorted(set(found["links"])):
        address, part = urldefrag(link)
        if urlparse(address).scheme != "file":
            continue
        goal = type(path)(unquote(urlparse(address).path))
        if not goal.exists():
            yield f"leads to {address.rpartition('/')[2]}, which is not there"
        elif part and goal in seen and unquote(part) not in seen[goal]["ids"]:
            yield f"leads to #{part} of {goal.name}, which is not there"
    yield from ("a picture has no alt text" for alt in found["alts"] if not alt.strip())
    yield from (f"a formula was not set: {text[:60]}" for text in found["raw"])
    if found["wide"] > 0:
        yield f"wider than a phone by {found['wide']} pixels"
