"""For every test of the callbacks: one thread, the best engine, and no lines of Lightning's."""

from _quantized_fits import quiet  # noqa: F401
