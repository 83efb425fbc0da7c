"""Answers to try on the checks: one module `lesson_NN` a lesson.

Each has `WRONG`, exercise name -> at least three functions that a learner could plausibly write, and `ODD`,
exercise name -> at least two unusual functions that are right. A wrong answer runs, gives the right type and
shape, and passes the example that the notebook shows.
"""
