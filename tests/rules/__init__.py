"""What a lesson and its published notebook must be like: each rule lists the faults that it sees.

A rule takes a notebook as `tools.publishing.lessons.read` gives it, or as it was published, and returns a list of
sentences; an empty list means that the rule is kept. The tests call the rules on every lesson, and test_meta_rules.py
calls them on lessons with a planted fault.
"""

from rules._cells import code_text, numbered, slide_type, tags
from rules.alone import answers_wait, in_the_form, open_cells, page_without_slides, questions_have_answers
from rules.exercises import exercise_code, exercise_parts, exercises
from rules.form import boxes_confirm, card, holds_on_any_laptop, notes, order, sizes, try_it, visible_names
from rules.lesson import front_matter, names, parts, rhythm, runs_anywhere, slides, tags_known
from rules.published import PROGRESS_BAR, numbers_of_the_record, numbers_of_the_run, output_text, outputs, small_enough
from rules.records import claim_records
from rules.symbols import deprecated, dotted_names, figures, wholesale_filters
from rules.unit import cells_with_company, one_sitting, timed_notes

__all__ = [
    "boxes_confirm",
    "card",
    "holds_on_any_laptop",
    "notes",
    "order",
    "sizes",
    "try_it",
    "visible_names",
    "answers_wait",
    "in_the_form",
    "open_cells",
    "page_without_slides",
    "questions_have_answers",
    "PROGRESS_BAR",
    "cells_with_company",
    "claim_records",
    "code_text",
    "deprecated",
    "dotted_names",
    "exercise_code",
    "exercise_parts",
    "exercises",
    "figures",
    "front_matter",
    "names",
    "numbered",
    "numbers_of_the_record",
    "numbers_of_the_run",
    "one_sitting",
    "output_text",
    "outputs",
    "parts",
    "rhythm",
    "runs_anywhere",
    "slide_type",
    "slides",
    "small_enough",
    "tags",
    "tags_known",
    "timed_notes",
    "wholesale_filters",
]
