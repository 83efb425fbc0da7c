"""The learner's own copy of the course: filled, kept up to date, and never overwritten."""
