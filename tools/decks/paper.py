"""Decks on paper: a PDF with one slide a page, and a handout with small slides beside their notes."""

from pathlib import Path

KINDS = {
    "pdf": {"width": "1280px", "height": "720px"},
    "handout": {
        "format": "A4",
        "margin": {"top": "12mm", "bottom": "16mm", "left": "12mm", "right": "12mm"},
        "display_header_footer": True,
        "header_template": "<span></span>",
        "footer_template": '<div style="width:100%;margin:0 12mm;font:8pt sans-serif;color:#444;display:flex;'
        'justify-content:space-between"><span class="title"></span><span><span class="pageNumber"></span> / '
        '<span class="totalPages"></span></span></div>',
    },
}


def write(page, deck, kind):
    """Print a deck.

    Args:
        page: from `deck.browser`.
        deck: path of the HTML file.
        kind: "pdf", with everything on a slide that clicks would show, or "handout", A4.
    Returns:
        Path of the PDF, beside the deck: NAME.pdf or NAME_handout.pdf.
    """
    deck = Path(deck).resolve()
    path = deck.with_name(f"{deck.stem}.pdf" if kind == "pdf" else f"{deck.stem}_handout.pdf")
    page.goto(f"{deck.as_uri()}?paper={kind}")
    page.wait_for_function("window.deckReady === true", timeout=60_000)
    page.pdf(path=str(path), print_background=True, **KINDS[kind])
    return path
