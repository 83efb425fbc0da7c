"""The site made from the notebooks, its template, its faults, and the pictures of the README."""
