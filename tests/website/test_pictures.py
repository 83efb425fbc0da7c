"""Pictures of the course: each is there, small, described wherever it is shown, and known to its command."""

import json
import re

import nbformat
import pytest

from course_utils.files import ROOT
from tools import pictures
from tools.decks import deck
from tools.website import drawn, screen, site_pages
from tools.website import pictures as _pictures

BY_HAND = {"present.png"}  # a picture of `present`, which needs the extra `live`
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
PICTURE = re.compile(r"!\[([^\]]*)\]\((?:docs/)?pictures/([^)\s]+)\)")
MOST = 300_000  # bytes, all together: fewer than 128 colours turn the orange bar of site.png brown


def shown(texts):
    """List (alt text in one line, file) of each picture of the folder that a text shows."""
    return [(" ".join(alt.split()), name) for text in texts for alt, name in PICTURE.findall(text)]


def faults(texts, folder):
    """What is wrong with the pictures that pages show."""
    found = shown(texts)
    wrong = [f"{name} is not there" for _, name in found if not (folder / name).exists()]
    wrong += [f"{name} has no alt text" for alt, name in found if len(alt) < 20]
    wrong += [
        f"{path.name} is shown nowhere" for path in folder.glob("*.png") if path.name not in [name for _, name in found]
    ]
    known = {f"{name}.png" for name in _pictures.PICTURES} | BY_HAND
    return wrong + [f"{path.name} is made by no command" for path in folder.glob("*.png") if path.name not in known]


def texts():
    names = ("smaller", "lesson", "check", "scorecard")
    front = "\n".join(f"![{_pictures.PICTURES[name].alt}](pictures/{name}.png)" for name in names)
    return [front, *(path.read_text(encoding="utf-8") for path in PAGES)]


def test_every_picture_is_there_has_an_alt_text_and_a_command():
    assert faults(texts(), _pictures.FOLDER) == []


@pytest.mark.parametrize(
    ("text", "file", "said"),
    [
        ("![A picture of what is not in the folder](pictures/gone.png)", None, "gone.png is not there"),
        ("![short](docs/pictures/site.png)", "site.png", "site.png has no alt text"),
        ("", "site.png", "site.png is shown nowhere"),
        ("![A picture that nobody can take again](pictures/own.png)", "own.png", "own.png is made by no command"),
    ],
)
def test_a_planted_fault_is_named(tmp_path, text, file, said):
    if file:
        (tmp_path / file).write_bytes(b"")
    assert faults([text], tmp_path) == [said]


def test_together_they_are_small():
    sizes = {path.name: path.stat().st_size for path in _pictures.FOLDER.glob("*.png")}
    assert sum(sizes.values()) <= MOST, sizes
    assert all(path.read_bytes()[:8] == b"\x89PNG\r\n\x1a\n" for path in _pictures.FOLDER.glob("*.png"))


def test_the_sites_first_page_shows_a_result_first_as_readme_does():
    from tools.publishing import lessons

    front, readme = site_pages.front(lessons.select([])), (ROOT / "README.md").read_text(encoding="utf-8")
    assert [name for _, name in shown([front])] == ["smaller.png", "check.png", "scorecard.png", "lesson.png"]
    assert [name for _, name in shown([readme])][:3] == ["smaller.png", "check.png", "scorecard.png"]


def test_each_one_says_what_it_shows_and_its_sources_are_there():
    noted = json.loads((_pictures.FOLDER / _pictures.SOURCES).read_text(encoding="utf-8"))
    assert set(noted) == set(_pictures.PICTURES)
    for picture in _pictures.PICTURES.values():
        assert all(list(ROOT.glob(pattern)) for pattern in picture.sources), picture.sources


def test_a_picture_is_old_once_its_source_has_changed_and_not_for_line_ends(tmp_path):
    (tmp_path / "lessons").mkdir()
    source = tmp_path / "lessons" / "course.toml"
    source.write_bytes(b"one\ntwo\n")
    folder = tmp_path / "pictures"
    folder.mkdir()
    assert _pictures.old(["site"], tmp_path, folder) == ["site.png is not there"]
    (folder / "site.png").write_bytes(b"")
    (folder / _pictures.SOURCES).write_text(json.dumps({"site": _pictures.digest("site", tmp_path)}), encoding="utf-8")
    source.write_bytes(b"one\r\ntwo\r\n")
    assert _pictures.old(["site"], tmp_path, folder) == []
    source.write_bytes(b"one\nthree\n")
    assert _pictures.old(["site"], tmp_path, folder) == ["site.png is older than what it shows"]


def drawing(alt):
    """A notebook with one picture."""
    output = nbformat.v4.new_output("display_data", {"image/png": "aGk="}, metadata={"image/png": {"alt": alt}})
    return nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("x", outputs=[output])])


def test_the_bars_are_those_files_that_a_drawing_names():
    nb = drawing("Four bars, words: dense 1,069,117 bytes, 98.33 % right; coded 23,858 bytes, 98.12 % right. More.")
    assert drawn.files(nb, "words:") == [("dense", 1_069_117, 98.33), ("coded", 23_858, 98.12)]
    assert drawn.bars(drawn.files(nb, "words:"))[:8] == b"\x89PNG\r\n\x1a\n"
    for words, alt in (("other words", "words"), ("no files", "no files are named")):
        with pytest.raises(screen.NotShown, match=words):
            drawn.files(drawing(alt), words)


def test_a_lesson_is_shown_without_what_only_a_lecturer_reads():
    cells = [
        nbformat.v4.new_markdown_cell("*For the lecturer.*", metadata={"tags": ["remove-cell"]}),
        nbformat.v4.new_markdown_cell("words"),
    ]
    nb = screen.without_notes(nbformat.v4.new_notebook(cells=cells))
    assert [cell.source for cell in nb.cells] == ["words"]


def test_a_wrong_name_and_a_machine_without_a_browser_are_told(monkeypatch, capsys):
    assert pictures.main(["lessons"]) == 2
    assert (
        "There is no picture 'lessons'. There are: smaller, lesson, check, scorecard, slide, site."
        in capsys.readouterr().out
    )
    monkeypatch.setattr(deck, "find_browser", lambda: None)
    before = {path: path.read_bytes() for path in _pictures.FOLDER.iterdir()}
    assert pictures.main(["slide"]) == 1
    assert "Not taken: no browser." in capsys.readouterr().out
    assert before == {path: path.read_bytes() for path in _pictures.FOLDER.iterdir()}
