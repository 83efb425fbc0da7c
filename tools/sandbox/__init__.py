"""Runs somebody else's code in a process that can do no harm, and talks to it in plain values."""
