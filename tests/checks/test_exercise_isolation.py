"""An answer that hangs, floods or changes the process is stopped, dropped or noticed, and all is put back."""

import builtins
import math
import os
import random
import sys
import threading
from unittest import mock

import numpy as np
import pytest
import torch
from _steps import fact, right, step_of

from course_utils.checks import isolation


@pytest.mark.parametrize(
    ("limit", "said"),
    [
        ("CALL_SECONDS", "did not end within 0.3 seconds of"),
        ("JUDGE_SECONDS", "took 0.3 seconds of processor time in all"),
    ],
)
def test_an_answer_that_never_ends_is_stopped(limit, said):
    def endless(values, steps):
        while True:
            try:
                while True:
                    pass
            except Exception:
                pass

    before = threading.active_count()
    with mock.patch.multiple(isolation, **{limit: 0.3}, PATIENCE=600.0):  # on a busy machine the wall is sooner
        verdict = step_of(endless)
    assert said in verdict.message
    if limit == "CALL_SECONDS":
        assert fact(verdict, "your call").startswith("values=tensor([1.0, 5.0])")
    assert step_of(right).status == "passed" and threading.active_count() <= before + 2


def test_a_flood_of_text_is_dropped(capsys):
    def chatty(values, steps):
        print("x" * 1_000_000)
        sys.stderr.write("y" * 1_000_000)
        return right(values, steps)

    assert step_of(chatty).status == "passed"
    assert capsys.readouterr() == ("", "")


def _chdir(folder="/"):
    os.chdir(folder)


LEFT_BEHIND = {
    "number of threads": lambda: torch.set_num_threads(torch.get_num_threads() + 1),
    "default dtype": lambda: torch.set_default_dtype(torch.float64),
    "default device": lambda: torch.set_default_device("meta"),
    "records gradients": lambda: torch.set_grad_enabled(False),
    "working directory": _chdir,
    "torch.relu (replaced)": lambda: setattr(torch, "relu", lambda x: x),
    "builtins.round (replaced)": lambda: setattr(builtins, "round", math.floor),
}


@pytest.mark.parametrize("what", LEFT_BEHIND)
def test_what_an_answer_changes_for_the_whole_program_is_noticed_and_put_back(what):
    state = (torch.get_num_threads(), torch.get_default_dtype(), torch.is_grad_enabled(), os.getcwd())
    functions = torch.relu, builtins.round, torch.get_default_device()

    def careless(values, steps):
        result = float(right(values, steps))
        LEFT_BEHIND[what]()
        return result

    verdict = step_of(careless)
    assert verdict.status == "not yet" and what in verdict.message
    assert ("results are right" in verdict.hint) == ("replaced" not in what)  # it may be what compares
    assert state == (torch.get_num_threads(), torch.get_default_dtype(), torch.is_grad_enabled(), os.getcwd())
    assert functions == (torch.relu, builtins.round, torch.get_default_device())


def test_seeds_and_the_environment_are_put_back_without_a_word():
    def seeded(values, steps):
        random.seed(1)
        np.random.seed(1)
        torch.manual_seed(1)
        os.environ["LEFT_BEHIND"] = "1"
        return right(values, steps)

    before = random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist()
    verdict = step_of(seeded)
    assert verdict.status == "passed" and not verdict.remarks
    assert before == (random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist())
    assert "LEFT_BEHIND" not in os.environ
