"""Progress is shown where a learner does not take it for an error, and leaves nothing in a published notebook."""

import torch

from course_utils import training
from tools.publishing import compact


def test_training_shows_its_progress_and_writes_nothing_to_stderr(capsys):
    training.fit(torch.nn.Linear(4, 2), torch.zeros(8, 4), torch.zeros(8, dtype=torch.int64), batch_size=2)
    said = capsys.readouterr()
    assert said.err == ""  # JupyterLab shows it in red
    assert "training:" in said.out and "/4 [" in said.out
    assert compact.last_frames(said.out) == ""  # nothing is left for the slides and the page
