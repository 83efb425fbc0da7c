"""Time what the Lightning callbacks add: quantization to a training step, idle pruning to an epoch."""

import argparse
import functools
import json
import threading
import warnings
from pathlib import Path

from course_utils import data, legacy_int8, runtime
from course_utils.callbacks import QuantizationAwareTraining, ignore_advice
from course_utils.files import write_whole
from course_utils.measure import timing
from tools.benches import _lightning_pruning
from tools.benches._lightning_pruning import Digits, trainer

BATCH, OBSERVERS = 64, ("average", "histogram")


def main(argv):
    """Print the tables; with --json also write them. Nothing is asserted: absolute times differ by machine."""
    parser = argparse.ArgumentParser(prog="course.py bench lightning", description=__doc__)
    parser.add_argument("--json", metavar="FILE", type=Path, help="write the rows to FILE")
    parser.add_argument("--rounds", type=int, default=15, help="samples of each candidate (default: 15)")
    args = parser.parse_args(argv)
    legacy_int8.ignore_deprecations()
    ignore_advice()
    warnings.filterwarnings("ignore", "this fit prunes nothing")  # it is measured idle
    rows = quantization_rows(args.rounds)
    idle = _lightning_pruning.idle_epoch(args.rounds)
    _lightning_pruning.show(idle)
    rows += [{"part": "pruning", **row} for row in idle]
    if args.json:
        write_whole(args.json, json.dumps({**runtime.provenance(), "rows": rows}, indent=1) + "\n")
    return 0


@functools.cache
def batch():
    """The one batch of every step."""
    return data.load("mnist", n=BATCH)


class Gate:
    """Lets a loop in another thread take one step for each call.

    The loop reads batches from the gate. A step goes from the moment a batch is handed out to the moment the next one
    is asked for. Every candidate runs behind a gate, so that what the gate costs is the same for all.
    """

    def __init__(self, loop):
        self.batch, self.open = batch(), True
        self.go, self.done = threading.Semaphore(0), threading.Semaphore(0)
        self.thread = threading.Thread(target=self._run, args=(loop,), daemon=True)
        self.thread.start()
        self.done.acquire()

    def _run(self, loop):
        try:
            loop(self)
        finally:
            self.done.release()  # else an error in the loop would leave the caller waiting

    def __iter__(self):
        while True:
            self.done.release()
            self.go.acquire()
            if not self.open:
                return
            yield self.batch

    def __call__(self):
        if not self.thread.is_alive():
            raise RuntimeError("the loop behind the gate has ended: see its error above")
        self.go.release()
        self.done.acquire()

    def close(self):
        """End the loop."""
        self.open = False
        self.go.release()
        self.thread.join()


def bare(model):
    """The plain loop of a model whose training_step and optimizer are Lightning's."""

    def loop(gate):
        optimizer = model.configure_optimizers()
        for batch in gate:
            optimizer.zero_grad()
            model.training_step(batch, 0).backward()
            optimizer.step()

    return loop


def fitted(model, *callbacks):
    """Lightning's loop."""

    def loop(gate):
        trainer(callbacks, epochs=1).fit(model, gate)

    return loop


def fake_quantized(callback):
    """The model as the callback trains it: all observers on, rounding on, inputs rounded."""
    model = callback.prepare(Digits())
    callback.simulate(model)
    return model


def loops(observer):
    """Name to loop; the first is the baseline."""

    def callback():
        return QuantizationAwareTraining(legacy_int8.best(), observer, quantize_on_fit_end=False)

    return {
        "bare loop, fake-quantized": bare(fake_quantized(callback())),
        "Lightning, the callback": fitted(Digits(), callback()),
        "Lightning, fake-quantized by hand": fitted(fake_quantized(callback())),
        "bare loop, float": bare(Digits()),
        "Lightning, float": fitted(Digits()),
    }


def compared(candidates, rounds):
    """Medians and quartiles of one step, the candidates in turn."""
    gates = {name: Gate(loop) for name, loop in candidates.items()}
    try:
        return timing.compare(gates, rounds=rounds, sample_seconds=0.1, device="cpu")
    finally:
        for gate in gates.values():
            gate.close()


def quantization_rows(rounds):
    """A table for each observer, printed; its rows."""
    rows = []
    for observer in OBSERVERS:
        result = compared(loops(observer), rounds)
        print(f"LeNet-300-100, batches of {BATCH}, one training step, observers: {observer}")
        print(result)
        rows += [
            {
                "part": "quantization",
                "observer": observer,
                "loop": name,
                "median_ms": result.median_ms(name),
                "iqr_ms": result.iqr_ms(name),
                "speed_up": result.ratio(name),
                "quartiles": result.ratio_quartiles(name),
            }
            for name in result.samples
        ]
    return rows
