"""Checks that come to the same verdict in less time, for the rules that ask each check hundreds of times."""

import contextlib
import math
from unittest import mock

from course_utils.exercises import calls, explain, search

_inputs = {}  # (check, strategy, count) -> the inputs that are made from it


@contextlib.contextmanager
def same_inputs(exercise):
    """Checks that make the inputs of an exercise once in this process: they are the same ones every time.

    Yields the ids of those that have been handed out; they are kept, so that nothing else gets their ids.
    """
    real_generated = search.generated

    def generated(inputs, count):
        key = exercise.check, repr(inputs), count
        if key not in _inputs:
            _inputs[key] = real_generated(inputs, count)
        ids.update(map(id, _inputs[key]))
        return _inputs[key]

    ids = set()
    with mock.patch.object(search, "generated", generated):
        yield ids


@contextlib.contextmanager
def quickly(exercise, *, hints=True, most=search.INPUTS):
    """Checks that make inputs, mistakes and what is right once, and take the first input that fails, not the smallest.

    Args:
        exercise: whose check it is.
        hints: False leaves out which mistake it is, too.
        most: how many inputs are generated.
    """
    mistakes_made, told, expected = {}, {}, {}
    real_made, real_smallest, real_described = explain._made, search.smallest, calls.described

    def made(trial, mistake, one, which):
        if id(one.args) not in ids:
            return real_made(trial, mistake, one, which)
        key = which, id(one.args), tuple(trial.names)
        if key not in mistakes_made:
            mistakes_made[key] = real_made(trial, mistake, one, which)
        return mistakes_made[key]

    def smallest(inputs, fails, *, count, seconds=None):
        return real_smallest(inputs, fails, count=count) if seconds is None else search.NONE_FOUND  # no shrinking

    def described(args, names=()):
        if id(args) not in ids:
            return real_described(args, names)
        key = id(args), tuple(names)
        if key not in told:
            told[key] = real_described(args, names)
        return told[key]

    class Trial(search.Trial):
        def of(self, function, args):
            if function is not self.right or id(args) not in ids:
                return super().of(function, args)
            alone = getattr(self.view, "__closure__", self) is getattr(self.view, "__defaults__", self) is None
            key = function, id(args), self.view.__code__ if alone else self.view  # without a view it is made anew
            if key not in expected:
                expected[key] = super().of(function, args)
            return expected[key]

    with (
        same_inputs(exercise) as ids,
        mock.patch.object(search, "INPUTS", min(search.INPUTS, most)),
        mock.patch.object(search, "SEARCH_SECONDS", 60.0),  # a slow moment must not change what is tried
        mock.patch.object(search, "smallest", smallest),
        mock.patch.object(explain, "_made", made),
        mock.patch.object(search, "_shrunk", lambda inputs, fails, known: known[0]),
        mock.patch.object(search, "Trial", Trial),
        mock.patch.object(search, "described", described),
        mock.patch.object(calls, "described", described),
        contextlib.nullcontext() if hints else mock.patch.object(explain, "found", lambda *_: explain.Finding()),
    ):
        yield


@contextlib.contextmanager
def until_one_fails():
    """Checks that try no further input when an answer has failed on one: for rules that ask only whether it fails."""
    failed = False

    class Trial(search.Trial):
        def on(self, args):
            nonlocal failed
            one = super().on(args)
            failed = failed or not one.good
            return one

    class Clock:
        def __init__(self, seconds):
            nonlocal failed
            failed = False

        def over(self):
            return failed

    with (
        mock.patch.object(search, "Trial", Trial),
        mock.patch.object(search, "Clock", Clock),
        mock.patch.object(search, "LEAST_INPUTS", -math.inf),
    ):
        yield
