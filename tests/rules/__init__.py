"""What a lesson and its published notebook must be like: each rule lists what a learner would stumble over.

A rule takes a notebook as `tools.publishing.lessons.read` gives it, or as it was published, and returns a list of
sentences; an empty list means that the rule is kept.
"""

# ruff: noqa: F401  (handed on)
from rules._cells import numbered, tags
from rules.exercises import exercise_code, exercise_parts, exercises
from rules.form import (
    answers,
    boxes_confirm,
    card,
    deeper,
    holds_on_any_laptop,
    order,
    sizes,
    try_it,
    visible_names,
)
from rules.lesson import cell_names, front_matter, runs_anywhere, tags_known
from rules.published import PROGRESS_BAR, output_text, outputs, small_enough
