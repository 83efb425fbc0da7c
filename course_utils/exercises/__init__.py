"""The engine under the checks of the exercises: what runs a learner's function and says what is wrong with it.

A check (`core.check`) knows the right function, a generator of inputs and mistakes that people make. `search.compare`
and `search.examine` find the smallest input on which the answer is wrong; `values` compares and shows; `isolation`
keeps an answer from hanging, flooding or changing the process. `inputs` makes the inputs, on Hypothesis.
"""
