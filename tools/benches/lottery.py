"""Time one training step of the lottery engine beside other ways to write the loop, and beside the least it must do.

That least is the products, and Adam: in float32 the update reads weight, gradient and two means, and writes weight and
means, 28 bytes a parameter. ``copies of as many bytes`` moves the same without arithmetic. The engine hands Adam the
weights that are left alone, here a fifth; gathering their gradients and putting the weights back is timed as well, and
so is picking the batch, so that the table says what stands between the floor and the engine. All take numbers below
1e-38 for 0, as a run of the sweep does.
"""

import argparse
import itertools
import json
from pathlib import Path

import torch
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset, TensorDataset
from torchvision.transforms import functional as vision

from course_utils import data, lottery, models, runtime
from course_utils.files import write_whole
from course_utils.lottery import engine, experiment
from course_utils.measure import timing

LR, BATCH = 1.2e-3, 60


class Pictures(Dataset):
    """Images as tutorials hold them: each is turned into a PIL image and back into a tensor when it is asked for."""

    def __init__(self, pixels, labels):
        self.pixels, self.labels = (pixels * 255).to(torch.uint8), labels

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, i):
        return vision.to_tensor(vision.to_pil_image(self.pixels[i])), int(self.labels[i])


def main(argv):
    """Print the table; with --json also write it. Nothing is asserted: absolute times differ by machine."""
    parser = argparse.ArgumentParser(prog="course.py bench lottery", description=__doc__)
    parser.add_argument("--json", metavar="FILE", type=Path, help="write the rows to FILE")
    args = parser.parse_args(argv)
    torch.manual_seed(0)
    with experiment._without_subnormals():
        result = timing.compare(candidates(), rounds=15, sample_seconds=0.1, device="cpu")
    print(f"LeNet-300-100, MNIST, batches of {BATCH}, one training step on one thread, interleaved")
    print(result)
    for name in result.samples:
        print(f"{name}: {result.median_ms(name) / result.median_ms('products alone'):.2f} times the products alone")
    for adam_alone in ("Adam alone", "Adam alone, on the weights that are left"):
        least = 1 + result.median_ms(adam_alone) / result.median_ms("products alone")
        print(f"products and {adam_alone}, the floor under a step: {least:.2f} times the products alone")
    if args.json:
        rows = [
            {
                "loop": name,
                "median_ms": result.median_ms(name),
                "iqr_ms": result.iqr_ms(name),
                "times_products": result.median_ms(name) / result.median_ms("products alone"),
            }
            for name in result.samples
        ]
        write_whole(args.json, json.dumps({**runtime.provenance(), "rows": rows}, indent=1) + "\n")
    return 0


def candidates():
    """Name to a function that does one step; all of the same network and batch size."""
    pixels, labels = data.load("mnist", "train")
    return {
        "DataLoader, PIL images": loader_loop(Pictures(pixels, labels)),
        "DataLoader, tensors": loader_loop(TensorDataset(pixels, labels)),
        "in memory, autograd, fused Adam": memory_loop(pixels, labels),
        "the engine": engine_loop(engine.FEW),
        "the engine, Adam on all weights": engine_loop(0),
        "products alone": products(),
        "Adam alone": adam(0),
        "Adam alone, on the weights that are left": adam(engine.FEW),
        "gathering gradients, putting weights back": moves(),
        "picking a batch": picking(),
        "copies of as many bytes as Adam moves": traffic(),
    }


def loader_loop(dataset):
    """The loop of most tutorials: a DataLoader, autograd, Adam, and masks on the gradients."""
    batches = itertools.chain.from_iterable(itertools.repeat(DataLoader(dataset, batch_size=BATCH, shuffle=True)))
    return masked_step(lambda: next(batches))


def memory_loop(pixels, labels):
    """The same, with batches picked out of tensors in memory."""
    order = engine.batches(torch.arange(len(labels)), BATCH, 0)

    def batch():
        chosen = next(order)
        return pixels[chosen], labels[chosen]

    return masked_step(batch, fused=True)


def masked_step(batch, *, fused=False):
    """One step with autograd on what `batch()` gives."""
    model = models.LeNet300100()
    masks = {p: (torch.rand_like(p) < 0.2).float() for p in model.parameters() if p.dim() > 1}
    optimizer = torch.optim.Adam(model.parameters(), lr=LR, fused=fused)

    def step():
        x, y = batch()
        optimizer.zero_grad()
        F.cross_entropy(model(x), y).backward()
        for parameter, mask in masks.items():
            parameter.grad *= mask
        optimizer.step()

    return step


def engine_loop(few):
    """A step of `lottery.sweep`; with few=0 Adam gets all weights."""
    pick, trainer = picking(), masked_trainer(few)
    return lambda: trainer.step(*pick())


def masked_trainer(few):
    """A trainer of the engine with a fifth of the weights."""
    values = engine.initial(lottery.Experiment().widths, 0)
    masks = [(torch.rand_like(w) < 0.2).float() for w in values[::2]]
    return engine.Trainer(values, masks, batch=BATCH, lr=LR, few=few)


def adam(few):
    """The engine's fused Adam, with gradients that stay; with few=0 on all weights."""
    trainer = masked_trainer(few)
    for gradient in trainer.adam.gradients:
        gradient.normal_()
    return trainer.adam.step


def moves():
    """What handing Adam a part costs: the gradients that are left side by side, and the new weights where they were."""
    few = masked_trainer(engine.FEW)._few

    def move():
        for layer in few:
            torch.index_select(layer.all_grads, 0, layer.where, out=layer.grads)
            layer.all_weights.scatter_(0, layer.where, layer.weights)

    return move


def picking():
    """The images and labels of the next batch, out of memory that no cache holds."""
    sets = engine.load("mnist", 100, 0)
    order = engine.batches(sets.chosen, BATCH, 0)

    def pick():
        chosen = next(order)
        return sets.rows.index_select(0, chosen), sets.labels.index_select(0, chosen)

    return pick


def traffic():
    """Four reads and three writes of every parameter, as copies and one sum: the memory traffic of Adam."""
    n = sum(value.numel() for value in masked_trainer(0).values)
    weight, grad, first, second = (torch.rand(n) for _ in range(4))

    def move():
        first.copy_(grad)  # a read, a write
        second.copy_(grad)  # a read, a write
        torch.add(first, second, out=weight)  # two reads, a write

    return move


def products():
    """The eight matrix products of a step, forward and backward, and nothing else."""
    widths = lottery.Experiment().widths
    passed = [torch.rand(BATCH, n) for n in widths]
    weights = [torch.rand(n_out, n_in) for n_in, n_out in itertools.pairwise(widths)]

    def step():
        for i, weight in enumerate(weights):
            torch.mm(passed[i], weight.t())
            torch.mm(passed[i + 1].t(), passed[i])
            if i:
                torch.mm(passed[i + 1], weight)

    return step
