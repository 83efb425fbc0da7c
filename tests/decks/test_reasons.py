"""The list of reasons that only a note gives."""

import nbformat
import pytest

from tools.decks import reasons


def notebook(page, note):
    text = nbformat.v4.new_markdown_cell
    return nbformat.v4.new_notebook(cells=[text(page), text(note, metadata={"tags": ["remove-cell"]})])


@pytest.mark.parametrize(
    ("page", "listed"),
    [
        ("The cache holds four megabytes.", True),
        ("A machine slows down when its cores get hot, and everything gets slower.", False),
        ("**Predict.** Is it slower?", True),
    ],
)
def test_a_reason_is_listed_where_the_page_lacks_its_words(page, listed):
    reason = "It gets slower because the hot cores slow down the machine."
    note = f"*For the lecturer, 2 min.* Ask for votes. {reason} Go on."
    assert reasons.only_in_notes(notebook(page, note)) == ([reason] if listed else [])


def test_what_gives_no_reason_is_for_the_lecturer_alone():
    assert reasons.only_in_notes(notebook("Page.", "*For the lecturer, 2 min.* Draw the fast cache first.")) == []
