"""Turns the text of a lesson into its executed notebook, and says whether that is still up to date."""
