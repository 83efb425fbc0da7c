"""What a check raises: the answer is wrong, and this is what to tell the learner."""


class Mistake(Exception):
    """Raised inside a check: the answer is wrong, and this is what to tell the learner.

    Args:
        message: what is wrong, in one sentence that is true of every answer that meets it.
        hint: what this mistake usually is; empty when it was not recognised.
        facts: (label, text) pairs, each shown on a line of its own: the call, what came back, what was expected.
    """

    def __init__(self, message: str, hint: str = "", facts: tuple[tuple[str, str], ...] = ()):
        super().__init__(message)
        self.message, self.hint, self.facts = message, hint, tuple(facts)
