"""Warnings are errors in the tests; these marks let those of the older int8 pass, by the library's own list."""

import pytest

from course_utils import legacy_int8


def ignoring(*messages):
    """Marks for `pytestmark`: warnings that begin with one of these regular expressions are ignored."""
    return [pytest.mark.filterwarnings(f"ignore:{message}") for message in messages]


KNOWN = ignoring(*legacy_int8.DEPRECATIONS)
