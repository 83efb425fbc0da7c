"""The engine under `course_utils.checks`: what runs a learner's function, and tells values and models.

`core.verdict` says what a judge raises; `isolation` keeps an answer from hanging, flooding or changing the process;
`trial` compares it with a reference on one input; `values` and `models` compare and show; `inputs` makes inputs, on
Hypothesis. `progress` and `predictions` keep what a learner has done.
"""
