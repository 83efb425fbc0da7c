"""The speaker's view: key S opens it, with the notes and the pace."""

import pytest
from _decks import markdown, note, opened

pytestmark = pytest.mark.slow


def speaker(page, folder, *cells):
    opened(page, folder, *cells)
    with page.expect_popup() as popup:
        page.keyboard.press("s")
    view = popup.value
    view.get_by_text("how many bits?").first.wait_for(timeout=15_000)
    return view


def test_notes_open_with_the_key_s(page, tmp_path):
    view = speaker(page, tmp_path, markdown("# Title"), note("*For the lecturer.* Ask the room: how many bits?"))
    assert not view.locator(".pacing").first.is_visible()
    view.close()


def test_the_minutes_of_the_notes_set_the_pace(page, tmp_path):
    """reveal.js shows the time that is left for the slide."""
    view = speaker(
        page, tmp_path, markdown("# Title"), note(), markdown("## Next"), note("*For the lecturer, 1 min.* B")
    )
    pacing = view.locator(".pacing").first
    pacing.wait_for(state="visible", timeout=15_000)
    hours, minutes, seconds = (int(part) for part in pacing.inner_text().split(":"))
    left = 3600 * hours + 60 * minutes + seconds
    assert 100 <= left <= 120
    view.close()
