"""Verdicts on submissions, the gradebook and its page."""
