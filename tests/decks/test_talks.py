"""Talks: slides of lessons and slides of their own, in the order of a script; and the two talks of this course."""

import json

import nbformat
import pytest
from _decks import code, drawing, markdown, printed, table

from course_utils import syllabus
from tools import slides
from tools.decks import arrange, deck, spoken, talk
from tools.publishing import lessons as _lessons

COURSE = """
[[part]]
name = "first"
title = "First steps"
[part.lessons]
bits = "Bits & pieces"
[[part]]
name = "second"
title = "Further on"
[part.lessons]
bytes = "Bytes"
later = "Not built yet"
"""
VIDEO = "A. Name, *How bits work*, [youtube.com/watch?v=1](https://www.youtube.com/watch?v=1)"
LAST = f"""## Remember

One thing.

**Recommended video**: {VIDEO}.

**Project ideas**: write the whole thing once more in integers and compare; count the bits that nobody reads;
draw.

**Credits**: the idea is B. Name's. Text CC BY 4.0, code MIT.

Next: another lesson."""
NOTE = "*For the lecturer, 3 min.* Vote on the four answers; most people say eight, and it is four in the end."
SAY = 'note = "Say what there is to be seen here, ask the room a question, and go on."'
BITS = [
    markdown("# Bits"),
    markdown("## 3. How long?\n\nBits are small.\n\n**Predict.** How many times?", layout="split"),
    markdown(NOTE, "notes", ["remove-cell"]),
    code("print(4)", printed("4 times as long"), kind="fragment", tags=["hide-input"]),
    markdown("**Four times.** As in section 2.", "-", ["answer"]),
    markdown("## Twice"),
    markdown("### Twice"),
    markdown(LAST),
]
BYTES = [markdown("## 1. Bytes\n\nText."), code("draw()", drawing(), table(2, 2), printed("so it is"), kind="-")]
TAKE = f'[[slide]]\ntake = "bits / How long?"\n{SAY}\n'


@pytest.fixture
def made(tmp_path):
    """A course of three lessons, two of them built; gives a function that reads a script."""
    (tmp_path / "lessons").mkdir()
    (tmp_path / "lessons" / "course.toml").write_text(COURSE, encoding="utf-8")
    ledger = tmp_path / "records" / "ledger"
    ledger.mkdir(parents=True)
    rows = [{"technique": "small", "file_bytes": 24000}, {"technique": "large", "file_bytes": 96000}]
    (ledger / "bits.json").write_text(json.dumps({"rows": rows}), encoding="utf-8")
    known = syllabus.lessons(tmp_path)
    for name, cells in (("bits", BITS), ("bytes", BYTES)):
        _lessons.write(nbformat.v4.new_notebook(cells=cells, metadata={"course": {"name": name}}), known[name].notebook)

    def read(text, head='title = "Bits in an hour"\nminutes = 3\n'):
        path = tmp_path / "talk.toml"
        path.write_text(head + text, encoding="utf-8")
        return talk.read(path, root=tmp_path)

    return read


def headings(found):
    return [slide.heading.source for slide in found.slides]


def words(slide):
    return [cell.source for cell in slide.cells if cell.cell_type == "markdown"]


def test_slides_stand_in_the_order_of_the_script(made):
    found = made(
        f'[[slide]]\nact = "One"\ntake = "bytes / Bytes"\nminutes = 1\n{SAY}\n{TAKE}heading = "Longer?"\n'
        f'[[slide]]\nact = "Two"\nheading = "My own"\ntext = "Words."\nminutes = 2\n{SAY}\n'
    )
    assert headings(found) == ["## Bytes", "## Longer?", "## My own"]
    assert [slide.seconds for slide in found.slides] == [60, 180, 120]
    assert [slide.new_stack for slide in found.slides] == [True, False, True]


def test_a_foot_says_which_lesson_and_which_act(made):
    found = made(
        f'{TAKE}act = "One"\n[[slide]]\nact = "Two"\nheading = "My own"\ntext = "Words."\nminutes = 2\n{SAY}\n'
    )
    first, second = (slide.foot for slide in found.slides)
    assert "1.1 · Bits &amp; pieces" in first and '<b>One</b><i class="here"></i><i class=""></i>' in first
    assert "Bits in an hour" in second and '<b>Two</b><i class=""></i><i class="here"></i>' in second


def test_a_slide_that_borrows_an_output_names_the_lesson_it_is_from(made):
    borrowed = TAKE.replace("take =", 'heading = "My own"\nminutes = 3\noutput =')
    assert "1.1 · Bits &amp; pieces" in made(borrowed).slides[0].foot


def test_words_of_a_lesson_are_replaced_and_its_output_stays(made):
    (slide,) = made(TAKE + 'text = "**Predict.** Guess."\nanswer = "**Four.**"\n').slides
    assert words(slide) == ["**Predict.** Guess.", "**Four.**"]
    assert slide.fragments[0][0].outputs[0].text == "4 times as long"


def test_passages_are_left_out_or_changed_also_across_a_break_of_line(made):
    (slide,) = made(
        TAKE + 'without = [" As in section 2."]\nchange = [["Bits are\\nsmall", "Bits are large"]]\n'
    ).slides
    assert words(slide) == ["Bits are large.\n\n**Predict.** How many times?", "**Four times.**"]


def test_a_change_for_the_whole_talk_need_not_be_on_every_slide(made):
    head = 'title = "T"\nminutes = 3\nchange = [["in section 2", "before"], ["not there", "x"]]\n'
    assert words(made(TAKE, head).slides[0])[1] == "**Four times.** As before."


def test_a_note_begins_with_minutes_and_what_leads_over(made):
    given = made(TAKE.replace(SAY, "") + 'lead = "Now the clock."\nminutes = 2.5\n').slides[0]
    assert given.notes[0].source.startswith('*For the lecturer, 2.5 min.* Lead over: "Now the clock."\n\nVote on')
    assert arrange.minutes(given.notes[0]) == 2.5
    assert "Say what there is" in made(TAKE).slides[0].notes[0].source


def test_what_a_script_hides_is_not_shown(made):
    shown = made(f'[[slide]]\ntake = "bytes / Bytes"\nhide = ["table", "printed"]\nminutes = 1\n{SAY}\n').slides[0]
    (cell,) = [cell for cell in shown.cells if cell.cell_type == "code"]
    assert [talk._kind(output) for output in cell.outputs] == ["figure"] and arrange.shows_code(cell)


def test_an_own_slide_shows_the_output_of_a_lesson_at_a_click(made):
    own = f'[[slide]]\nheading = "Mine"\ntext = "Look."\noutput = "bytes / Bytes"\nminutes = 1\n{SAY}\n'
    slide = made(own + 'answer = "**So.**"\n').slides[0]
    assert [cell.cell_type for cell in slide.fragments[0]] == ["code", "markdown"]
    assert not arrange.shows_code(slide.fragments[0][0])
    assert [cell.cell_type for cell in made(own).slides[0].head] == ["markdown", "code"]


def test_a_picture_lies_beside_the_script(made, tmp_path):
    picture = tmp_path / "map.svg"
    own = f'[[slide]]\nheading = "Mine"\npicture = "map.svg"\nminutes = 1\n{SAY}\n'
    picture.write_text('<svg aria-label="A map"></svg>\n', encoding="utf-8")
    assert words(made(own).slides[0]) == ['<svg aria-label="A map"></svg>']
    picture.write_text("<svg></svg>", encoding="utf-8")
    with pytest.raises(ValueError, match="aria-label"):
        made(own)


def test_numbers_come_from_rows_from_words_and_from_each_other(made):
    numbers = """[numbers]
large = { lesson = "bits", row = "large", field = "file_bytes" }
small = { lesson = "bits", row = "small", field = "file_bytes" }
times = { worked_out = "large / small" }
long = { lesson = "bits", slide = "How long?", before = "times as long" }
"""
    own = '[[slide]]\nheading = "{{small:,}} bytes"\ntext = "{{times:.1f}} times, {{long}} times"\nminutes = 1\n' + SAY
    slide = made(numbers + own).slides[0]
    assert slide.heading.source == "## 24,000 bytes" and words(slide) == ["4.0 times, 4 times"]


WRONG = {
    "slide 1, bits / How short?: no slide is called 'How short?' in bits": TAKE.replace("How long", "How short"),
    "slide 1, bits / Twice: two slides are called 'Twice' in bits": TAKE.replace("How long?", "Twice"),
    "no lesson is called 'bit'": TAKE.replace("bits /", "bit /"),
    "the lesson 'later' has no notebook yet": TAKE.replace("bits /", "later /"),
    "it has the key 'tittle'": TAKE + 'tittle = "T"\n',
    "hide knows caption, code, figure, printed, table, not 'words'": TAKE + 'hide = ["words"]\n',
    "these words are not on it: 'not there'": TAKE + 'without = ["not there"]\n',
    "no number is called 'many'": TAKE + 'text = "{{many}}"\n',
    "slide 1, Mine: no minutes": f'[[slide]]\nheading = "Mine"\ntext = "T"\n{SAY}\n',
    "it has no answer that another could replace": '[[slide]]\ntake = "bytes / Bytes"\nminutes = 1\nanswer = "A"\n',
    "the number n: bits says [] there, and not one number": '[numbers]\nn = {lesson = "bits", after = "nobody"}\n'
    + TAKE,
    "the number n: 0 rows of bits are called 'tiny'": '[numbers]\nn = {lesson = "bits", row = "tiny"}\n' + TAKE,
    "the number n: 'open(1)' has more than": '[numbers]\nn = {worked_out = "open(1)"}\n' + TAKE,
    "'slide' is missing": "",
}


@pytest.mark.parametrize("message", WRONG)
def test_a_script_that_cannot_be_followed_is_told_why(made, message):
    with pytest.raises(ValueError) as told:
        made(WRONG[message])
    assert message in str(told.value) and str(told.value).startswith("talk.toml: ")


def test_videos_ideas_and_credits_are_collected_from_the_lessons_of_the_talk(made):
    rows = "".join(f'[[slide]]\nheading = "{what}"\ncollect = "{what}"\nminutes = 1\n' for what in talk.further.KINDS)
    videos, ideas, credits = made(TAKE + rows).slides[1:]
    assert words(videos) == [f"- {VIDEO}"] and "goes with Bits & pieces" in videos.notes[0].source
    assert words(ideas) == ["- Count the bits that nobody reads"]
    assert "write the whole thing once more in integers and compare" in ideas.notes[0].source
    assert "Tal Daniel" in words(credits)[0]
    assert credits.notes[0].source == "*For the lecturer, 1 min.* **Bits & pieces**: the idea is B. Name's."


FAULTS = {
    'it shows words of a notebook: "section 2"': TAKE,
    'it shows words of a notebook: "on this page"': TAKE + 'answer = "It is 4, in the run on this page."\n',
    'it has in its note words of a notebook: "Run the cell"': TAKE
    + 'answer = "It is 4."\nlead = "Run the cell as we did before, and then look."\n',
    "its note says too little": TAKE.replace(SAY, 'note = "Click."') + 'answer = "It is 4."\n',
    "61 words before the first click, at most 60": TAKE + f'answer = "It is 4."\ntext = "{"word " * 61}"\n',
    "no lesson of it says 5.5": TAKE + 'answer = "It is 5.5 times as long."\n',
    "no lesson of it has this line of code: print(5)": TAKE
    + 'answer = """It is 4.\n```python\nprint(4)\nprint(5)\n```\n"""\n',
    "the slides take 4 minutes, and the talk 3": TAKE + 'answer = "It is 4."\nminutes = 4\n',
    "2 votes, at most 0.5 in so many minutes": 2 * (TAKE + 'answer = "It is 4."\nminutes = 1.5\n'),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_what_a_lecturer_would_stumble_over_is_named(made, fault, monkeypatch):
    monkeypatch.setattr(spoken, "MINUTES_A_VOTE", 6 if "votes" in fault else 1)
    (found,) = spoken.faults(made(FAULTS[fault]))
    assert found.removeprefix("slide 1, How long?: ") == fault


def test_a_number_that_an_exercise_gives_is_no_fault(made):
    given = TAKE + 'answer = "It is 5.5 times as long."\ngiven = ["5.5"]\n'
    assert [fault for fault in spoken.faults(made(given)) if "5.5" in fault] == []


def test_the_task_writes_one_file(made, tmp_path, monkeypatch, capsys):
    found = made(TAKE)
    monkeypatch.setattr(talk, "read", lambda path: found)
    monkeypatch.setattr(_lessons, "ROOT", tmp_path)
    monkeypatch.setattr(slides, "SLIDES", tmp_path / "slides")
    for option, name in (("--lecture", "lecture"), ("--tutorial", "tutorial")):
        assert slides.main([option]) == 0
        assert capsys.readouterr().out == f"slides/{name}.html\n"
    assert slides.main(["--talk", str(tmp_path / "mine.toml")]) == 0
    assert (tmp_path / "slides" / "mine.html").exists()


def test_a_wrong_script_a_missing_one_and_names_beside_one_are_told(tmp_path, capsys):
    wrong = tmp_path / "mine.toml"
    wrong.write_text("title = ", encoding="utf-8")
    assert slides.main(["--talk", str(wrong)]) == 1
    assert capsys.readouterr().out.startswith("Not made: mine.toml: ")
    assert slides.main(["--talk", str(tmp_path / "none.toml")]) == 1
    with pytest.raises(SystemExit):
        slides.main(["--lecture", "energy"])
    assert "name no lessons beside it" in capsys.readouterr().err


TALKS = {path.stem: path for path in sorted(talk.FOLDER.glob("*.toml"))}


@pytest.fixture(scope="module", params=TALKS)
def ours(request):
    return request.param, talk.read(TALKS[request.param])


def test_there_is_a_lecture_and_a_tutorial():
    assert set(TALKS) == {"lecture", "tutorial"}


def test_a_talk_of_this_course_has_no_fault(ours):
    name, found = ours
    assert spoken.faults(found) == []
    assert found.minutes == {"lecture": 60, "tutorial": 90}[name]


def test_every_slide_that_a_talk_takes_is_still_called_so_in_its_lesson(ours):
    known = syllabus.lessons()
    for row in ours[1].rows:
        for address in (row[key] for key in ("take", "output") if key in row):
            name, _, heading = address.partition(" / ")
            source = arrange.slides(_lessons.read(known[name]))
            named = [talk.name_of(slide.heading.source) for slide in source if slide.heading]
            assert named.count(heading) == 1, f"{address}: renamed in {name}/lesson.py? There are: {'; '.join(named)}"


def test_the_lecture_keeps_its_promise_and_asks_no_more_than_ten_votes():
    found = talk.read(TALKS["lecture"])
    assert spoken.votes(found) <= 10 and 22 <= len(found.slides) <= 28
    rows = json.loads((talk.ROOT / "records" / "ledger" / "deep_compression.json").read_text(encoding="utf-8"))["rows"]
    files = {row["technique"]: f"{row['file_bytes']:,} bytes" for row in rows}
    first, kept = (
        " ".join(words(found.slides[n])) for n in (0, headings(found).index("## The same network, four files"))
    )
    for technique in ("fp32, five passes", "deep compression: coded"):
        assert files[technique] in first and files[technique] in kept


WANTED = (
    "GradScaler(", "scaler.scale(loss).backward()", "scaler.step(optimizer)", "scaler.update()", "quantize_dynamic(",
    "tq.prepare(", "model(batch)", "tq.convert(", "`prepare_qat`", "581", "313", "weight_orig", "weight_mask",
    "prune.remove(", "prune.global_unstructured(", "Lottery Ticket Hypothesis", "*Initialise*", "*train*", "*prune*",
    "*rewind*", "*repeat*",
)  # fmt: skip


def test_the_tutorial_has_what_a_tutorial_of_the_three_must_have():
    found = talk.read(TALKS["tutorial"])
    shown = "\n".join(
        cell.source
        for slide in found.slides
        for cell in [slide.heading, *slide.cells]
        if cell.cell_type == "markdown" or arrange.shows_code(cell)
    )
    assert [wanted for wanted in WANTED if wanted not in shown] == []
    assert sum(heading.startswith("## For the room") for heading in headings(found)) == 3


def test_the_guide_says_how_long_each_act_and_when_each_exercise_is():
    guide = (talk.ROOT / "docs" / "instructors.md").read_text(encoding="utf-8")
    lecture, tutorial = (talk.read(TALKS[name]) for name in ("lecture", "tutorial"))
    wanted = [f"60 minutes, {len(lecture.slides)} slides | 90 minutes, {len(tutorial.slides)} slides"]
    wanted.append(f"| votes | {spoken.votes(lecture)} | {spoken.votes(tutorial)} |")
    acts, act = {}, None
    for row, slide in zip(lecture.rows, lecture.slides, strict=True):
        act = row.get("act", act)
        acts[act] = acts.get(act, 0) + slide.seconds / 60
    wanted += [f"| {act} | {minutes:g} |" for act, minutes in acts.items()]
    seconds = 0
    for slide in tutorial.slides:
        if (name := slide.heading.source.partition("of 3: ")[2]) and "For the room" in slide.heading.source:
            wanted.append(f"| {name} | {seconds / 60:g} |")
        seconds += slide.seconds
    assert [row for row in wanted if row not in guide] == []


@pytest.mark.slow
def test_a_talk_of_this_course_is_sound_in_a_browser(page, tmp_path, ours):
    name, found = ours
    slides.copy_assets(tmp_path / "assets")
    file = tmp_path / f"{name}.html"
    file.write_text(slides.to_html(found.slides, {"title": found.title, "kind": "talk"}, ""), encoding="utf-8")
    seen = deck.look(page, file)
    assert seen.faults == [] and seen.form == []
    assert seen.minutes == pytest.approx(found.minutes)


@pytest.mark.slow
def test_a_planted_fault_is_found_in_a_browser(page, tmp_path, made):
    vote = made('[[slide]]\nheading = "Mine"\ntext = "**Predict.** Guess how many."\nminutes = 1\n' + SAY)
    slides.copy_assets(tmp_path / "assets")
    (tmp_path / "talk.html").write_text(
        slides.to_html(vote.slides, {"title": "T", "kind": "talk"}, ""), encoding="utf-8"
    )
    form = deck.look(page, tmp_path / "talk.html").form
    assert "slide 1: a vote (Predict) without an answer on its slide" in form
