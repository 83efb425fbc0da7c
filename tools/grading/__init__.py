"""Grading: what was handed in, the sandbox that it runs in, and what is written about it."""
