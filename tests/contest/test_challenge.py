"""The challenge: a good submission is accepted; a broken or dishonest one is refused, and told what was wrong."""

import contextlib
import json
import os
import zipfile
from dataclasses import replace

import numpy as np
import pytest
from _entries import BROKEN, GOOD, KEYS, ONLY_CONTAINED, PATCHES, giving, patched, table_of

from course_utils import data
from course_utils.exercises import progress
from course_utils.files import ROOT
from tools import challenge
from tools.contest import baseline, jury
from tools.contest import board as _board
from tools.contest import entry as _entry
from tools.contest import exam as _exam
from tools.sandbox import contained

EASY = _exam.Task("mnist", "MNIST", 0.7)  # for the mean images, which get about 80 % right
LABELS = np.arange(64, dtype=np.uint8) * 7 % 10


@pytest.fixture(scope="module")
def exam():
    return _exam.make(EASY, test=2000, again=400, grey=1000, training=1000)


@pytest.fixture(scope="module")
def house():
    with jury.house() as made:
        yield made


@pytest.fixture(scope="module")
def means():
    images, labels = data.load("mnist", n=5000)
    return np.stack([(255 * images[labels == digit].mean(0)[0]).numpy().astype(np.uint8) for digit in range(10)])


@pytest.fixture
def board(tmp_path, monkeypatch):
    monkeypatch.setenv("COURSE_WORKSPACE", str(tmp_path / "work"))
    return tmp_path / "work" / _board.FILE


def folder_of(path, files, means=None):
    """Write a submission; gives its folder."""
    path.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (path / name).parent.mkdir(exist_ok=True)
        (path / name).write_bytes(content.encode() if isinstance(content, str) else content)
    if means is not None:
        np.save(path / "means.npy", means)
    return path


# ---- what it judges, in a process


def test_a_good_submission_is_above_the_bar_and_all_its_bytes_count(house, exam, means, tmp_path):
    folder = folder_of(tmp_path / "ö good", {"predict.py": GOOD, "notes/a.txt": "1234", ".git/x": "no"}, means)
    (folder / "__pycache__").mkdir()
    (folder / "__pycache__" / "x.pyc").write_bytes(b"no")
    verdict = jury.judge(house, "good", folder, exam)
    assert (verdict.status, verdict.message) == (jury.ABOVE, ""), verdict
    assert verdict.bytes == len(GOOD) + 4 + 7968 and 0 < verdict.packed < verdict.bytes
    images, labels = (part.numpy() for part in data.load("mnist", "test", n=2000))
    space = {}
    exec(GOOD, space)
    own = space["predict"](means.astype("f4").reshape(10, 784), np.round(255 * images[:, 0]))
    assert verdict.accuracy == (own == labels).mean(), "in another order, the same"
    said = "\n".join(challenge.lines(verdict))
    assert f"{verdict.bytes:,} bytes: means.npy 7,968, notes/a.txt 4, predict.py {len(GOOD)}" in said
    assert "Asked again, among other images: 0 of 400 got another label." in said


def test_what_is_below_the_bar_is_told_how_far(house, exam, means, tmp_path):
    folder = folder_of(tmp_path / "good", {"predict.py": GOOD}, means)
    verdict = jury.judge(house, "good", folder, replace(exam, task=_exam.TASKS["mnist"]))
    assert verdict.status == jury.BELOW and "More than 97.5 %" in verdict.message and verdict.accuracy > 0.7


@pytest.mark.slow
@pytest.mark.parametrize("name", [*BROKEN, *ONLY_CONTAINED])
def test_a_broken_submission_is_refused_with_what_was_wrong(house, exam, tmp_path, monkeypatch, name):
    if name in ONLY_CONTAINED and house.way == "once":
        pytest.skip("not run: submissions cannot be contained here")
    monkeypatch.setattr(jury, "SECONDS", 2)
    monkeypatch.setattr(house, "limits", replace(jury.LIMITS, call=2.0))
    source, said, hint = {**BROKEN, **ONLY_CONTAINED}[name]
    verdict = jury.judge(house, name, folder_of(tmp_path, {"predict.py": source}), exam)
    assert verdict.status == jury.REFUSED and verdict.accuracy is None
    assert said in verdict.message and hint in verdict.hint, verdict
    assert not (ROOT / "course_utils" / "x").exists()


@pytest.mark.slow
def test_without_a_container_the_labels_are_in_another_process_all_the_same(exam, means, tmp_path):
    with jury.house(way="once") as plain:
        good = folder_of(tmp_path / "good", {"predict.py": GOOD}, means)
        assert jury.judge(plain, "good", good, exam).status == jury.ABOVE
        for name in ("imports the checker", "ends its process"):
            verdict = jury.judge(plain, name, folder_of(tmp_path / "bad", {"predict.py": BROKEN[name][0]}), exam)
            assert BROKEN[name][1] in verdict.message, verdict


@pytest.mark.slow
def test_who_patches_what_the_checker_could_use_changes_its_own_process_alone(house, exam, tmp_path):
    verdict = jury.judge(house, "x", folder_of(tmp_path, {"predict.py": PATCHES}), exam)
    assert verdict.status == jury.BELOW and verdict.accuracy < 0.2


@pytest.mark.slow
def test_a_submission_may_write_in_its_own_folder_and_use_its_own_modules(house, exam, means, tmp_path):
    source = "import data\n" + GOOD.replace("return np", "open('x', 'w').write('x')\n    return np", 1)
    files = {"predict.py": source, "data.py": "import torch.nn.functional\n"}
    assert jury.judge(house, "x", folder_of(tmp_path, files, means), exam).status == jury.ABOVE


@pytest.mark.slow
@pytest.mark.parametrize("key", [*KEYS, "those that it gets wrong"])
def test_a_table_of_test_images_is_seen(house, exam, means, tmp_path, key):
    images, labels = exam.images[exam.why == _exam.TEST], exam.labels[exam.why == _exam.TEST]
    if key in KEYS:
        verdict = jury.judge(house, key, folder_of(tmp_path, table_of(images, labels, key)), exam)
        assert "training images 9" in verdict.facts[2] or "training images 1" in verdict.facts[2], verdict
    else:  # an honest network, and a table of what it gets wrong
        space = {}
        exec(GOOD, space)
        wrong = space["predict"](means.reshape(10, 784).astype("f4"), images) != labels
        files = patched(images[wrong], labels[wrong])
        verdict = jury.judge(house, key, folder_of(tmp_path, files, means), exam)
    assert verdict.accuracy > 0.98 and verdict.status == jury.REFUSED and "Greys moved" in verdict.message, verdict


@pytest.mark.slow
@pytest.mark.parametrize(
    "body",
    [
        "return np.random.default_rng().integers(0, 10, len(images))",
        "return np.arange(len(images)) % 10",
        "return images.mean((1, 2)).argsort().argsort() * 10 // len(images)",
    ],
    ids=["chance", "place", "company"],
)
def test_labels_that_depend_on_more_than_the_image_are_refused(house, exam, tmp_path, body):
    verdict = jury.judge(house, "x", folder_of(tmp_path, {"predict.py": giving(body)}), exam)
    assert verdict.status == jury.REFUSED and "Asked again" in verdict.message and "alone" in verdict.hint


@pytest.mark.slow
def test_the_baseline_is_above_the_bar(house, tmp_path):
    """Of MNIST alone: it trains for half a minute."""
    baseline.write(tmp_path / "new", "mnist")
    verdict = jury.judge(house, "new", tmp_path / "new", _exam.make(_exam.TASKS["mnist"]))
    assert verdict.status == jury.ABOVE and verdict.accuracy > 0.98, verdict


# ---- what it says of labels, without a process


def answers(exam, seed=0, share=0.9):
    """Labels as an honest network gives them: right for a share of the images, whatever they are asked for."""
    rng = np.random.default_rng(seed)
    key = np.where(exam.of < 0, np.arange(len(exam.of)), exam.of + len(exam.of))
    luck = rng.random(2 * len(exam.of))[key]
    return np.where(luck < share, exam.labels, (exam.labels + 1) % 10).astype(np.uint8)


def test_an_exam_is_shuffled_and_its_greys_are_moved_by_one(exam):
    again = _exam.make(EASY, test=2000, again=400, grey=1000, training=1000)
    assert (again.of != exam.of).any() and exam.images.dtype == np.uint8 and exam.images.shape == (4400, 28, 28)
    test, grey = exam.why == _exam.TEST, exam.why == _exam.GREY
    assert sorted(exam.of[test]) == list(range(2000)) and set(exam.of[exam.why == _exam.TRAINING]) == {-1}
    plain = exam.images[test][np.argsort(exam.of[test])][exam.of[grey]].astype(int)
    moved = exam.images[grey].astype(int) - plain
    assert set(np.unique(moved)) == {-1, 0, 1} and not moved[(plain == 0) | (plain == 255)].any()
    assert (np.abs(moved).max((1, 2)) == 1).all(), "each image is another one"


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("share", [0.3, 0.9, 0.98, 1.0])
def test_an_honest_network_passes_the_controls(exam, seed, share):
    given = answers(exam, seed, share)
    facts, fault = _exam.controls(given, exam)
    assert len(facts) == 3 and fault is None
    random = np.random.default_rng(seed)
    for why in {*exam.why} - {_exam.TEST}:  # two of 1,000 of each: sums in another order, greys at an edge
        places = np.flatnonzero(exam.why == why)
        flipped = random.choice(places, len(places) // 500, replace=False)
        given[flipped] = (given[flipped] + 1) % 10
    assert _exam.controls(given, exam)[1] is None


@pytest.mark.parametrize(("why", "said"), [(_exam.GREY, "Greys"), (_exam.TRAINING, "training"), (_exam.AGAIN, "again")])
def test_who_does_well_on_test_images_alone_does_not_pass(exam, why, said):
    given = answers(exam, share=0.98)
    wrong = (exam.why == why) & (np.random.default_rng(0).random(len(given)) < 0.1)
    (message, hint) = _exam.controls(np.where(wrong, (exam.labels + 1) % 10, given), exam)[1]
    assert said in message and hint


def test_batches_hold_every_image_once_and_at_most_1000():
    parts = list(jury._batches(np.arange(9000)))
    assert [len(part) for part in parts[:2]] == [1, 2] and max(map(len, parts)) <= 1000
    assert (np.concatenate(parts) == np.arange(9000)).all()


def test_labels_may_be_an_array_a_tensor_or_a_list():
    import torch

    for good in ([7, 0], (7, 0), np.array([7, 0], np.int8), torch.tensor([7, 0])):
        assert jury.labels(good, 2).tolist() == [7, 0]
    for bad in (torch.ones(2, dtype=torch.bfloat16), [7, -1], [1 << 70, 0], [True, False], 7, {7: 0}, np.zeros((0,))):
        with pytest.raises(_entry.Refused):
            jury.labels(bad, 2)


# ---- what may be in a folder


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({}, "no predict.py"),
        ({"a/predict.py": ""}, "no predict.py"),
        ({"predict.py": "", "Zm9vYmFy=.bin": ""}, "other letters"),
        ({"predict.py": "", "x" * 60: ""}, "more than 64 letters"),
        ({"predict.py": "", **{f"{n}": "" for n in range(10, 40)}}, "more than 64 letters"),
    ],
)
def test_a_folder_that_is_no_submission_is_told(tmp_path, files, said):
    with pytest.raises(_entry.Refused, match=said):
        _entry.read(folder_of(tmp_path / "x", files))


def test_a_zip_counts_as_its_folder_and_what_is_none_is_told(tmp_path):
    for inner in ("", "mine/"):
        with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_DEFLATED) as packed:
            packed.writestr(f"{inner}predict.py", GOOD)
            packed.writestr(f"{inner}w.bin", bytes(5000))
            packed.writestr("__MACOSX/x", "no")
        assert {name: len(raw) for name, raw in _entry.read(tmp_path / "a.zip").items()} == {
            "predict.py": len(GOOD),
            "w.bin": 5000,
        }
    with zipfile.ZipFile(tmp_path / "bomb.zip", "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("predict.py", GOOD)
        packed.writestr("x", bytes(_entry.MOST_BYTES))
    (tmp_path / "a.py").write_text(GOOD, encoding="utf-8")
    for name, said in (("bomb.zip", "more than 32 MB"), ("none", "There is no"), ("a.py", "not a zip")):
        with pytest.raises(_entry.Refused, match=said):
            _entry.read(tmp_path / name)


@pytest.mark.skipif(os.name != "posix", reason="a link needs rights on Windows")
def test_a_link_is_refused(tmp_path):
    folder = folder_of(tmp_path / "x", {"predict.py": GOOD})
    (folder / "w").symlink_to(ROOT / "README.md")
    with pytest.raises(_entry.Refused, match="w is a link"):
        _entry.read(folder)


@pytest.mark.parametrize(
    "form",
    [
        lambda labels: labels.tobytes(),
        lambda labels: labels.astype("<i8").tobytes(),
        lambda labels: labels.astype(">i4").tobytes(),
        lambda labels: (labels[::2] << 4 | labels[1::2]).tobytes(),
        lambda labels: (labels[1::2] << 4 | labels[::2]).tobytes(),
        lambda labels: f"labels = {labels.tolist()}".encode(),
        lambda labels: "".join(map(str, labels)).encode(),
    ],
)
def test_labels_in_their_order_are_found_and_nothing_else_is(form):
    files = {"a": b"xyz" + form(LABELS), "b": form(LABELS[::-1].copy()), "c": os.urandom(4000)}
    assert _entry.holds_labels(files, LABELS) == ["a"]


def test_a_submission_with_the_labels_in_it_is_not_even_run(exam, tmp_path):
    raw = b"".join(label.tobytes() for label in exam.first)
    verdict = jury.judge(None, "x", folder_of(tmp_path, {"predict.py": GOOD, "l": raw}), exam)
    assert verdict.status == jury.REFUSED and "l holds labels of the test set" in verdict.message


# ---- the board


def put(name, size, accuracy, task="mnist"):
    _board.keep(jury.Verdict(name, task, jury.ABOVE, sizes=(("a", size),), accuracy=accuracy))


def test_the_board_keeps_the_latest_of_each_name_and_shows_places_and_the_front(board):
    assert "Nothing was judged yet" in _board.table("mnist")
    for entry in (("ann", 900, 0.98), ("ann", 500, 0.979), ("bob", 400, 0.976), ("cem", 450, 0.975), ("dan", 600, 0.9)):
        put(*entry)
    put("ann", 1, 0.9, "fashion_mnist")
    found = _board.entries("mnist")
    assert [(entry.name, entry.bytes) for entry in found] == [("bob", 400), ("cem", 450), ("ann", 500), ("dan", 600)]
    assert [entry.name for entry in _board.front(found)] == ["bob", "ann"]
    rows = [line.split() for line in _board.table("mnist").splitlines() if line.split()[1:2] in (["bob"], ["cem"])]
    assert [row[:5] for row in rows] == [["1", "bob", "400", "97.60", "yes"], ["–", "cem", "450", "97.50", rows[1][4]]]


def test_equal_entries_are_both_on_the_front():
    same = [_board.Entry(name, 5, 0.5) for name in "ab"]
    assert _board.front(same) == same and _board.front([]) == []


@pytest.mark.parametrize("damage", [b"", b"\xff\x00", b"{", b"[1]\nnull\n", b'{"kind": "challenge", "lesson": ""}\n'])
def test_a_damaged_board_loses_the_damaged_lines_alone(board, damage):
    put("ann", 900, 0.98)
    board.write_bytes(damage + b"\n" + board.read_bytes())
    put("bob", 800, 0.98)
    assert [entry.name for entry in _board.entries("mnist")] == ["bob", "ann"]
    assert not (board.parent / progress.NAME).exists()
    board.unlink()
    assert _board.entries("mnist") == []


def test_lines_of_another_kind_are_no_entries(board):
    put("ann", 900, 0.98)
    good = json.loads(board.read_text(encoding="utf-8"))
    for change in ({"bytes": "900"}, {"accuracy": 2.0}, {"name": None}, {"bytes": True}, {"task": "x"}, {"kind": "y"}):
        board.write_text(json.dumps({**good, **change}), encoding="utf-8")
        assert _board.entries("mnist") == []


@pytest.mark.parametrize("task", _exam.TASKS)
def test_lessons_are_shown_with_their_smallest_file_above_the_bar(task):
    rows = _board.of_lessons(_exam.TASKS[task])
    assert len(rows) >= 3 and len({row.lesson for row in rows}) == len(rows)
    assert all(row.task == task and row.accuracy > _exam.TASKS[task].bar for row in rows)
    assert [row.file_bytes for row in rows] == sorted(row.file_bytes for row in rows)


# ---- the command


def test_a_wrong_call_says_what_to_type(capsys):
    for words, said in (
        ([], "name a folder"),
        (["a", "b", "--name", "c"], "for one folder"),
        (["a", "--task", "x"], ""),
    ):
        with pytest.raises(SystemExit):
            challenge.main(words)
        assert said in capsys.readouterr().err


def test_a_folder_with_something_in_it_is_not_overwritten(tmp_path, capsys):
    (tmp_path / "mine.txt").touch()
    assert challenge.main(["--baseline", str(tmp_path)]) == 1
    assert "Nothing was written" in capsys.readouterr().out and len(list(tmp_path.iterdir())) == 1


def test_a_folder_is_judged_and_stands_on_the_board(house, exam, means, board, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(jury, "house", lambda way=None: contextlib.nullcontext(house))
    monkeypatch.setattr(_exam, "make", lambda task: exam)
    good, bad = folder_of(tmp_path / "good.v2", {"predict.py": GOOD}, means), folder_of(tmp_path / "bad", {"a": ""})
    assert challenge.main([str(good)]) == 0 and challenge.main([str(good), str(bad), "--board"]) == 1
    said = capsys.readouterr().out
    assert "good.v2, MNIST: above the bar" in said and "bad, MNIST: refused\n  There is no predict.py." in said
    assert [entry.name for entry in _board.entries("mnist")] == ["good.v2"]
    assert (jury.FREE if house.way == "once" else jury.LONE) in said


def test_where_images_are_few_or_damaged_nothing_is_judged(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("COURSE_QUICK", "1")
    assert challenge.main([str(tmp_path)]) == 2 and "COURSE_QUICK" in capsys.readouterr().out
    monkeypatch.delenv("COURSE_QUICK")

    def damaged(task):
        raise data.DataError(tmp_path / "x.gz", "is damaged", "Restore it.")

    monkeypatch.setattr(_exam, "make", damaged)
    assert challenge.main([str(tmp_path)]) == 1
    assert "x.gz is damaged.\nRestore it." in capsys.readouterr().out


def test_it_is_said_where_nothing_is_contained(monkeypatch, tmp_path):
    monkeypatch.setattr(contained.House, "_best", lambda self: "once")
    with pytest.raises(SystemExit, match="No container"):
        challenge.main([str(tmp_path), "--contained"])
    assert "data/ with the labels" in jury.FREE


def test_the_house_of_the_challenge_has_no_data():
    shown = jury.house()._config("many", "/scratch")["folders"]
    assert str(ROOT / "course_utils") in shown
    assert not [name for name in ("data", "records", "lessons") if str(ROOT / name) in shown]
