"""The site made from the notebooks, its template, and its faults."""
