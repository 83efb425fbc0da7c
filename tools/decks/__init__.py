"""Slides and the hour's lecture, made from the cells of the lessons, with their template and what it loads."""
