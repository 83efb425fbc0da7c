"""Makes and looks after the environment of the course in .venv; standard library only, as nothing else is there yet."""
