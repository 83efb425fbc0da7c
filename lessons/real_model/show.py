"""What the lesson real_model draws, lists and sweeps, so that its cells keep what is being taught.

TO WRITE: one function a figure or a table; it takes the lesson's own objects and has a telling name.
"""

from course_utils.show.tables import Table


def bytes_of(tensors):
    """A table of formats and what they take.

    Args:
        tensors: name of a format -> the same numbers in it.
    """
    return Table(
        ["format", "bytes", "bits a number"],
        [[name, f"{t.nbytes:,}", f"{8 * t.nbytes / t.numel():.0f}"] for name, t in tensors.items()],
    )
