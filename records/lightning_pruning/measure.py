"""Prune by the schedule of Lightning's documentation, with its own rewind, a true one and none: `lightning_pruning`."""

from lightning.pytorch.callbacks import LambdaCallback, ModelPruning

from course_utils import runtime
from course_utils.callbacks import ignore_advice
from course_utils.files import ROOT
from lessons.lightning_qat import task as garments
from records import writing
from records.lightning_qat.measure import Net

NETWORKS = 6
RATES = (1e-3, 3e-3, 1e-2)  # of Adam
EPOCHS = 100
LOOKS = (49, 50, 75, 98, 99)  # the epochs after which the error is kept; after 50 and 98 there was a cut


class TrueRewind(ModelPruning):
    """Copies values, where Lightning 2.6 makes the weight and the kept copy share their memory."""

    @staticmethod
    def _copy_param(new, old, name):
        getattr(new, f"{name}_orig").data.copy_(getattr(old, name).data)


def amount(epoch):
    """The schedule of Lightning's documentation."""
    return {10: 0.5, 50: 0.25}.get(epoch, 0.01 if 75 < epoch < 99 else None)


ARMS = {
    "ModelPruning": lambda: ModelPruning("l1_unstructured", amount=amount),
    "true rewind": lambda: TrueRewind("l1_unstructured", amount=amount),
    "no rewind": lambda: ModelPruning("l1_unstructured", amount=amount, use_lottery_ticket_hypothesis=False),
}


def main(arguments):
    """Train all of them and write the record: some minutes on one thread."""
    ignore_advice()
    path = ROOT / "records" / "lightning_pruning" / "rewinds.json"
    writing.of_each(arguments, __doc__, path, range(NETWORKS), runs_of, "networks")


def runs_of(seed):
    """All fits that begin with one network; errors in per cent, of 2,000 images that are in no batch."""
    batches = garments.batches(*garments.load("train", 1024))
    held_x, held_y = (values[-2000:] for values in garments.load("train", 60_000))
    for rate in RATES[:1] if runtime.quick() else RATES:
        for arm, pruning in ARMS.items():
            errors = {}

            def look(trainer, model, errors=errors):
                if trainer.current_epoch in LOOKS:
                    errors[trainer.current_epoch] = round(garments.mape(model(held_x), held_y), 2)

            garments.fit(Net(seed, rate), batches, pruning(), LambdaCallback(on_train_epoch_end=look), epochs=EPOCHS)
            yield {"arm": arm, "network": seed, "rate": rate, "errors": errors}
