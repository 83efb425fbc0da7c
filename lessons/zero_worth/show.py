"""Networks, files, tables and drawings of the lesson zero_worth, which stand beside what the lesson explains."""

import sys
from statistics import mean

import torch
from torch import nn
from torch.nn.utils import prune
from tqdm import tqdm

from course_utils import models, training
from course_utils.measure import energy, timing
from course_utils.measure.sizes import size_report
from course_utils.measure.sparsity import sparsity_report
from course_utils.scorecard import ledger
from course_utils.show import diagrams, plots
from course_utils.show.tables import Table, mean_and_range, si

CPU = torch.device("cpu")
DENSITIES = [0.5, 0.2, 0.1, 0.05, 0.01]
WEIGHTS = 266_200  # of LeNet-300-100


def layers_of(net):
    """The layers with weights, with the name of what to prune, as `global_unstructured` wants them."""
    return [(m, "weight") for m in net.modules() if isinstance(m, nn.Linear)]


def cut_to(net, keep):
    """Global magnitude pruning: `keep` weights stay."""
    pairs = layers_of(net)
    amount = sum(m.weight.numel() for m, _ in pairs) - keep
    prune.global_unstructured(pairs, pruning_method=prune.L1Unstructured, amount=amount)
    return net


def permanent(net):
    """A plain LeNet-300-100 on the CPU with the weights that a masked one computes with: zeros, and no masks."""
    plain = models.LeNet300100()
    with torch.no_grad():
        for new, old in zip(plain.children(), net.children(), strict=True):
            new.weight.copy_(old.weight_orig * old.weight_mask)
            new.bias.copy_(old.bias)
    return plain.requires_grad_(False)


class Trained:
    """LeNet-300-100, trained for two passes; copies cut to each density and fine-tuned.

    Args:
        images, labels: to train on.
        test_set: (images, labels) to count right answers on.
        device: to train on.
    """

    def __init__(self, images, labels, test_set, device):
        self.images, self.labels, self.test_set, self.device = images, labels, test_set, device
        torch.manual_seed(0)
        net = models.LeNet300100().to(device)
        self.train(net, 60_000, epochs=2, lr=3e-3, batch=100, schedule=lambda done: 1 - done)
        state, self.nets = net.state_dict(), {}
        for density in tqdm([1.0, *DENSITIES], desc="cut and fine-tune", file=sys.stdout, leave=False):
            net = models.LeNet300100().to(device)
            net.load_state_dict(state)
            self.nets[density] = self.train(cut_to(net, round(density * WEIGHTS)), 10_000, seed=100)

    def train(self, net, n, *, lr=1.2e-3, batch=50, **options):
        """The network, after one pass (or `epochs`) with Adam over the first `n` digits."""
        adam = torch.optim.Adam(net.parameters(), lr=lr, fused=True)
        x, y = self.images[:n], self.labels[:n]
        training.fit(net, x, y, batch_size=batch, optimizer=adam, device=self.device, progress=False, **options)
        return net

    def right(self, net, every=1):
        """Percent right of the test digits, or of every second one and so on."""
        return 100 * training.evaluate(net, *(t[::every] for t in self.test_set))


def first_table(nets, sizes, speeds):
    """A table: zeros, file and speed of a dense network, a masked one, and one whose masks were removed."""
    return Table(
        ["LeNet-300-100", "zeros", "file", "over dense", "speed-up"],
        [
            [
                name,
                f"{sparsity_report(net).weights.sparsity:.0%}",
                si(sizes[name], "B"),
                f"{sizes[name] / sizes['dense']:.2f}×",
                f"{speeds.ratio(name):.2f}×",
            ]
            for name, net in nets.items()
        ],
        caption="files loaded again and compared; one image, one thread",
    )


def a_block(net):
    """(weights before the mask, mask): 4 × 8 of fc1 in which 6 are left and one row is empty."""
    fc1 = net.fc1
    blocks = fc1.weight_mask.cpu().view(75, 4, 98, 8).transpose(1, 2).reshape(-1, 4, 8)
    wanted = (blocks.sum((1, 2)) - 6).abs() + ((blocks.sum(2) == 0).sum(1) != 1)
    row, column = divmod(wanted.argmin().item(), 98)
    place = (slice(4 * row, 4 * row + 4), slice(8 * column, 8 * column + 8))
    return fc1.weight_orig.detach().cpu()[place], fc1.weight_mask.cpu()[place]


def forms_of_a_block(net):
    """Draws a block of fc1 dense, masked, with a bit mask and in CSR form."""
    block_orig, block_mask = a_block(net)
    block = block_orig * block_mask + 0.0  # no negative zeros to read
    csr = block.to_sparse_csr()
    n_left = int(block_mask.sum())
    values = (f"values: {4 * n_left} bytes", csr.values(), 560, 168, 66, "{:.2f}", "fp32")
    forms = {
        "dense: 128 bytes": [("32 values: 128 bytes", block, 560, 62, 66, "{:.2f}", "fp32")],
        "masked: 256 bytes": [
            ("weight_orig: 128 bytes", block_orig, 560, 62, 34, "", "fp32"),
            ("weight_mask: 128 bytes", block_mask, 880, 62, 34, "", "mask"),
        ],
        f"bit mask: {4 + 4 * n_left} bytes": [
            ("bits: 4 bytes", block_mask.reshape(2, 16), 550, 48, 40, "{:g}", "plain"),
            values,
        ],
        f"CSR: {8 * n_left + 20} bytes": [
            ("row begins: 20 bytes", csr.crow_indices(), 560, 62, 62, "{:g}", "int8"),
            values,
            (f"columns: {4 * n_left} bytes", csr.col_indices(), 560, 274, 62, "{:g}", "int8"),
        ],
    }

    def frame(title, grids):
        canvas = diagrams.Canvas(height=376)
        canvas.text(236, 30, "4 × 8 weights of fc1")
        diagrams.grid(canvas, block, 60, 62, cell=44, mask=block_mask, text="")
        canvas.text(560, 30, title, align="left", bold=True)
        for words, of_grid, x, y, cell, text, meaning in grids:
            box = diagrams.grid(canvas, of_grid, x, y, cell=cell, text=text, meaning=meaning)
            canvas.text(x, y + box.height + 22, words, align="left")
        return canvas.figure()

    plots.show(
        [frame(title, grids) for title, grids in forms.items()],
        alt=[
            f"A block of four by eight weights in which {n_left} are left; beside it its form, {title}: {', '.join(grid[0] for grid in grids)}."
            for title, grids in forms.items()
        ],
        caption="A block of the fine-tuned network with a tenth of its weights; each value and each index of CSR takes 4 bytes.",
    )


def in_form(net, make):
    """A plain LeNet-300-100 on the CPU with layers of another form: ``make(weight, bias)``."""
    fc1, fc2, fc3 = (make(m.weight.detach(), m.bias.detach()) for m in net.children())
    return nn.Sequential(nn.Flatten(), fc1, nn.ReLU(), fc2, nn.ReLU(), fc3)


def break_even(make, dense_bytes):
    """Share of zeros at which the file of LeNet-300-100 is as large as the dense one, by trying."""
    low, high, net = 0.0, 1.0, models.LeNet300100().requires_grad_(False)
    scores = [torch.arange(m.weight.numel()).view_as(m.weight) / m.weight.numel() for m in net.children()]
    for _ in range(9):
        density = (low + high) / 2
        for m, score in zip(net.children(), scores, strict=True):
            m.weight.copy_((score < density).float())
        larger = size_report(in_form(net, make), loads=1).file_bytes > dense_bytes
        low, high = (low, density) if larger else (density, high)
    return 1 - low


def zeros_table(found, formula):
    """A table: the share of zeros from which each form is smaller than dense, by the formula and by trying."""
    return Table(
        ["form", "zeros needed, formula", "by trying"],
        [[name, f"{formula[name]:.3f}", f"{zeros:.3f}"] for name, zeros in found.items()],
        caption="formula without the row list; whole files of LeNet-300-100",
    )


def weigh(nets, forms, digit):
    """(density, form) -> (network, its sizes): each network in each form, saved, loaded again and compared.

    Args:
        nets: density -> masked network.
        forms: name -> ``make(weight, bias)``.
        digit: an input on which all forms must agree.
    """
    weighed = {}
    for density, net in nets.items():
        plain = permanent(net)
        of_density = {"masks removed": plain} | {name: in_form(plain, make) for name, make in forms.items()}
        for form, model in of_density.items():
            zipped = form == "masks removed" or density == 0.1
            weighed[density, form] = model, size_report(model, loads=3, compressed=zipped)
        apart = max((model(digit) - plain(digit)).abs().max().item() for model in of_density.values())
        assert apart < 1e-3, f"a form of density {density} computes something else"
    masked = models.LeNet300100()
    for module, name in layers_of(masked):
        prune.identity(module, name)  # masks of ones, for the state to be loaded into
    masked.load_state_dict(nets[0.1].state_dict())
    masked(digit)  # computes `weight` anew from what was loaded
    weighed[0.1, "masked"] = masked.requires_grad_(False), size_report(masked, loads=3, compressed=True)
    return weighed


def files_over_density(weighed, forms, dense_bytes, masked_bytes):
    """Draws the file of each form over the weights left."""
    fig, ax = plots.figure(size=(11, 4.0))
    densities = [1.0, *DENSITIES]
    percents = [100 * d for d in densities]
    for form, colour in zip(("masks removed", *forms), ("black", "sky", "blue", "orange"), strict=True):
        of_form = [weighed[d, form][1].file_bytes / dense_bytes for d in densities]
        ax.plot(percents, of_form, "o-", color=plots.COLOURS[colour], label=form)
    ax.axhline(masked_bytes / dense_bytes, color=plots.COLOURS["purple"], label="masked")
    zipped = [weighed[d, "masks removed"][1].compressed_bytes / dense_bytes for d in densities]
    ax.plot(percents, zipped, "s--", color=plots.COLOURS["black"], label="masks removed, gzip")
    ax.set(xscale="log", yscale="log", xlabel="weights left, %", ylabel="file, times dense", xlim=(120, 0.85))
    ax.set_xticks([100, 50, 20, 10, 5, 2, 1], ["100", "50", "20", "10", "5", "2", "1"])
    ax.set_yticks([0.03, 0.1, 0.3, 1, 3], ["0.03", "0.1", "0.3", "1", "3"])
    ax.minorticks_off()
    ax.legend(ncols=2, loc="lower left")
    of_tenth = {form: weighed[0.1, form][1].file_bytes for form in forms}
    of_tenth["removed, gzip"] = weighed[0.1, "masks removed"][1].compressed_bytes
    told = ", ".join(f"{form} {si(n, 'B')}" for form, n in of_tenth.items())
    plots.show(
        fig,
        alt=f"File size over weights left, six lines. With 10 % left: {told}.",
        caption=f"LeNet-300-100. With 10 % left: {told}.",
    )


def under_gzip(weighed, dense_bytes):
    """A table: each file of the network with a tenth of its weights, plain and under gzip."""
    return Table(
        ["a tenth left", "file", "under gzip"],
        [
            [form, si(size.file_bytes, "B"), si(size.compressed_bytes, "B")]
            for (density, form), (_, size) in weighed.items()
            if density == 0.1
        ],
        caption=f"The dense file has {si(dense_bytes, 'B')}.",
    )


def times_of_forms(weighed, density, batch):
    """Speed-up over dense of LeNet-300-100 on `batch` images, in its forms."""
    x = torch.rand(batch, 1, 28, 28)
    nets = {"dense": weighed[1.0, "masks removed"][0]}
    forms = ("masks removed", "CSR, int32", "masked")
    nets |= {form: weighed[density, form][0] for form in forms if (density, form) in weighed}
    calls = {name: lambda net=net: net(x) for name, net in nets.items()}
    return timing.compare(calls, rounds=5, sample_seconds=0.01, device=CPU)


def layer_speed(make, batch, side=2048):
    """Speed-up over dense of one linear layer, side × side, in CSR form, by density."""
    generator = torch.Generator().manual_seed(0)
    weight, x = torch.randn(side, side, generator=generator), torch.randn(batch, side)
    jobs = {"dense": nn.Linear(side, side).requires_grad_(False)}
    for d in DENSITIES:
        jobs[d] = make(weight * (torch.rand(side, side, generator=generator) < d), torch.zeros(side))
    calls = {name: lambda net=net: net(x) for name, net in jobs.items()}
    return timing.compare(calls, rounds=9, sample_seconds=0.01, device=CPU)


def speed_over_density(taken, large):
    """Draws the speed-up of CSR over dense, two layers and two batches.

    Args:
        taken: (density, batch) -> the timing of LeNet-300-100.
        large: batch -> the timing of one large layer, by density.
    """
    fig, ax = plots.figure(size=(6.6, 3.7))
    x, lines = [100 * d for d in DENSITIES], {}
    for batch, style in ((1, "o-"), (64, "s--")):
        what = "1 image" if batch == 1 else "64 images"
        lines[f"LeNet-300-100, {what}"] = [taken[d, batch].ratio("CSR, int32") for d in DENSITIES], "blue", style
        lines[f"2048 × 2048, {what}"] = [large[batch].ratio(d) for d in DENSITIES], "purple", style
    for name, (ratios, colour, style) in lines.items():
        ax.plot(x, ratios, style, color=plots.COLOURS[colour], label=name)
    ax.axhline(1, color="black", linestyle=":")
    ax.set(xscale="log", yscale="log", xlabel="weights left, %", ylabel="speed-up over dense")
    ax.set(xlim=(60, 0.85), ylim=(4e-3, 40))
    ax.set_xticks([50, 20, 10, 5, 2, 1], ["50", "20", "10", "5", "2", "1"])
    ax.set_yticks([0.1, 0.3, 1, 3, 10, 30], ["0.1", "0.3", "1", "3", "10", "30"])
    ax.minorticks_off()
    ax.legend(loc="lower right")
    told = "; ".join(f"{name} {', '.join(f'{ratio:.2f}' for ratio in ratios)}" for name, (ratios, *_) in lines.items())
    plots.show(
        fig,
        alt=f"Speed-up of CSR over dense with {', '.join(f'{d:.0%}' for d in DENSITIES)} of the weights left: {told}.",
        caption="CSR with int32, one thread. Above the dotted line: faster than dense.",
    )


def energy_and_time(weighed, taken, share, rights, digit):
    """Writes four rows into the ledger, and gives the table of estimated energy beside measured speed.

    Args:
        weighed: what `weigh` gives.
        taken: (density, batch) -> the timing of LeNet-300-100.
        share: of the weights that are left.
        rights: density -> percent right.
        digit: one image.
    """
    bill = energy.estimate(weighed[1.0, "masks removed"][0], digit)
    entries = {  # technique -> density, form, which bytes, nanojoules: masked fetches two tensors, CSR a value and an index each
        "fp32, fine-tuned": (1.0, "masks removed", "file_bytes", bill.total_nj),
        "magnitude, 10 % left, masked": (0.1, "masked", "file_bytes", bill.compute_nj + 2 * bill.fetch_nj),
        "magnitude, 10 % left, gzip": (0.1, "masks removed", "compressed_bytes", bill.total_nj),
        "magnitude, 10 % left, CSR int32": (
            0.1,
            "CSR, int32",
            "file_bytes",
            share * (bill.compute_nj + 2 * bill.fetch_nj),
        ),
    }
    written = [
        ledger.record(
            lesson="zero_worth",
            task="mnist",
            model="LeNet-300-100",
            technique=technique,
            accuracy=rights[density] / 100,
            load_ms=weighed[density, form][1].load_ms,
            file_bytes=getattr(weighed[density, form][1], which),
            speedup=taken[0.1, 1].ratio(form) if density < 1 else 1.0,
            energy_nj=nj,
        )
        for technique, (density, form, which, nj) in entries.items()
    ]
    names = ("dense", "10 % left, masked", "10 % left, unpacked", "10 % left, CSR int32")
    return Table(
        ["LeNet-300-100", "energy, estimated", "speed-up, measured"],
        [
            [name, si(row.energy_nj * 1e-9, "J"), f"{row.speedup:.2f}×"]
            for name, row in zip(names, written, strict=True)
        ],
        caption="one image; unpacked: plain zeros; masked fetches two tensors; speed-up over dense",
    )


def columns_without_weights(fc1, used, dark, apart):
    """Draws how many weights each pixel has left.

    Args:
        fc1: the layer, with zeros.
        used: bool (784), pixels that a weight reads.
        dark: bool (784), pixels that are 0 in each training digit.
        apart: how far the outputs of the smaller layer lie from those of `fc1`, at most.
    """
    empty, sparsity = int((~used).sum()), (fc1.weight == 0).float().mean().item()
    fig, ax = plots.figure(size=(5.2, 3.9))
    shown = ax.imshow((fc1.weight != 0).sum(0).view(28, 28).numpy(), cmap="viridis", vmin=0, vmax=100)
    ax.plot(*reversed((~used.view(28, 28)).nonzero().T.tolist()), "x", color="white", markersize=5)
    ax.set(xticks=[], yticks=[])
    ax.grid(False)
    fig.colorbar(shown, ax=ax, label="weights left, of 300", extend="max")
    plots.show(
        fig,
        alt=f"The 28 by 28 pixels with the weights of fc1 that are left at each: many in the middle; crosses at {empty} pixels without any.",
        caption=f"A square for each pixel. Crosses, no weight left: {empty} of 784; with zeros at random places {784 * sparsity**300:.0f}. Of the {int(dark.sum())} "
        f"pixels that are 0 in each training digit, {int((dark & ~used).sum())} have a cross. Without the crosses: {used.float().mean():.0%} of fc1, outputs {apart:.0e} apart at most.",
    )


class Chosen(nn.Module):
    """Of each image the pixels that are read."""

    def __init__(self, read):
        super().__init__()
        self.register_buffer("places", read.nonzero().flatten())

    def forward(self, x):
        return x.flatten(1).index_select(1, self.places)


def shrunk_table(small_nets, plain_nets, dense, unseen, answers):
    """A table of smaller dense networks: their layers, files, speeds, and answers.

    Args:
        small_nets: density -> the smaller network.
        plain_nets: density -> the same with the neurons that were left out.
        dense: LeNet-300-100.
        unseen, answers: test digits and their labels.
    Returns:
        (Table, batch -> timing, density -> number of other answers).
    """
    dense_bytes = size_report(dense, loads=1).file_bytes
    timed = {}
    for n in (1, 64):
        calls = {d: lambda net=net, x=unseen[:n]: net(x) for d, net in {"dense": dense, **small_nets}.items()}
        timed[n] = timing.compare(calls, device=CPU)
    rows, changed = [], {}
    for d, net in small_nets.items():
        told = net(unseen).argmax(1)
        changed[d] = int((told != plain_nets[d](unseen).argmax(1)).sum())
        shapes = " → ".join(str(m.in_features) for m in net if isinstance(m, nn.Linear))
        file = f"{size_report(net, loads=1).file_bytes / dense_bytes:.2f}×"
        speeds = [f"{timed[n].ratio(d):.2f}×" for n in timed]
        right = 100 * (told == answers).float().mean().item()
        rows.append([f"{d:.0%}", shapes, file, *speeds, changed[d], f"{right:.1f}"])
    table = Table(
        ["weights left", "pixels → neurons", "file", "speed-up, 1 image", "64 images", "other answers", "right, %"],
        rows,
        caption="file and speed over LeNet-300-100; other answers than with those neurons, of 10,000 test digits",
    )
    return table, timed, changed


def mlp(width, depth):
    """`depth` hidden layers of `width` units with ReLU, for digits of 28 × 28."""
    ends = [784, *[width] * depth]
    hidden = [part for n, m in zip(ends, ends[1:], strict=False) for part in (nn.Linear(n, m), nn.ReLU())]
    return nn.Sequential(nn.Flatten(), *hidden, nn.Linear(width, 10))


class WideAndDeep:
    """Four networks of one or four hidden layers of 50 or 200 units, two seeds each, cut and fine-tuned.

    Args:
        trained: a `Trained`, for its data and its way to train.
    """

    def __init__(self, trained):
        self.trained, self.rows, self.states = trained, {}, {}
        nets = [(w, d) for w in (50, 200) for d in (1, 4)]
        for width, depth in tqdm(nets, desc="networks", file=sys.stdout, leave=False):
            for seed in range(2):
                torch.manual_seed(seed)
                net = mlp(width, depth).to(trained.device)
                trained.train(net, 20_000, lr=2e-3, seed=seed)
                total = sum(m.weight.numel() for m, _ in layers_of(net))
                right, self.states[width, depth, seed] = trained.right(net, every=2), net.state_dict()
                kept = {n: self._cut(width, depth, seed, n) for n in (total // 20, 30_000, 4_000)}
                row = {"weights": total, "lost": right - kept[total // 20]}
                row |= {"30,000": kept[30_000], "4,000": kept[4_000]}
                self.rows.setdefault((width, depth), []).append(row)

    def _cut(self, width, depth, seed, keep):
        """Percent right with `keep` weights and 100 steps more."""
        net = mlp(width, depth).to(self.trained.device)
        net.load_state_dict(self.states[width, depth, seed])
        self.trained.train(cut_to(net, keep), 5_000, seed=1)
        return self.trained.right(net, every=2)

    def over_seeds(self, width, depth, key):
        """The mean of a column over the seeds."""
        return mean(row[key] for row in self.rows[width, depth])

    def table(self):
        """What each network loses at an equal share, and gets right at an equal size."""
        return Table(
            ["hidden", "weights", "5 % left: lost", "30,000: right", "4,000: right"],
            [
                [
                    f"{d} × {w}",
                    f"{of[0]['weights']:,}",
                    *(mean_and_range([row[key] for row in of], "{:.0f}") for key in ("lost", "30,000", "4,000")),
                ]
                for (w, d), of in self.rows.items()
            ],
            caption="hidden: layers × units; points lost, and % right; mean of two seeds (lower to higher)",
        )
