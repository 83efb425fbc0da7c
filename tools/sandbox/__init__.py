"""Runs somebody else's code in a process that can do little harm, beside the check that judges it."""
