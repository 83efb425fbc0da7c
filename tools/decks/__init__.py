"""Slides, made of a deck's text and the published notebooks, with their template and what it loads."""
