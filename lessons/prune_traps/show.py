"""Walks, tables and drawings of the lesson prune_traps, which stand beside what the lesson explains."""

import copy
import io

import torch
from torch import nn
from torch.nn import functional as F
from torch.nn.utils import prune

from course_utils import models, prune_request, training
from course_utils.show import diagrams, plots
from course_utils.show.tables import Table


def step_1():
    """conv1 of a new LeNet with a fixed seed, a random 30 % of its weight pruned."""
    torch.manual_seed(0)
    conv = models.LeNet().conv1
    prune.random_unstructured(conv, name="weight", amount=0.3)
    return conv


def says(call):
    """What PyTorch answers, in one line."""
    try:
        call()
    except Exception as error:
        return f"{type(error).__name__}: {' '.join(str(error).split())}"
    return "no error"


def zeros(net):
    """How many weights of fc1 are 0, as `weight` stands there."""
    return int((net.fc1.weight == 0).sum())


def steps_table(steps):
    """Zeros of fc1 before and after a step of training.

    Args:
        steps: name -> (before, after).
    """
    return Table(
        ["fc1", "zeros before the step", "after it"],
        [[name, f"{before:,}", f"{after:,}"] for name, (before, after) in steps.items()],
    )


def sparsities(schedules, n=48_000):
    """A table: sparsity after each schedule of cuts, by PyTorch on a layer of `n` weights.

    Args:
        schedules: what is shown -> list of amounts; "remove" among them takes mask and hook away.
        n: weights.
    Returns:
        (Table, dict of what is shown -> sparsity).
    """
    gone = {name: sparsity(amounts, n) for name, amounts in schedules.items()}
    return Table([f"amounts, of {n:,}", "sparsity"], [[name, f"{share:.3f}"] for name, share in gone.items()]), gone


def sparsity(amounts, n=48_000):
    """The share of zeros after these cuts by magnitude, one after the other."""
    torch.manual_seed(0)
    layer = nn.Linear(n, 1, bias=False)
    for amount in amounts:
        prune.remove(layer, "weight") if amount == "remove" else prune.l1_unstructured(layer, "weight", amount=amount)
    return (layer.weight == 0).float().mean().item()


def time_line(events):
    """Is `weight` up to date, event by event.

    Args:
        events: list of (event, bool).
    """
    canvas = diagrams.Canvas(height=200)
    spans = [
        (n, n + 1, "up to date" if good else "out of date", "gradient" if good else "fp32")
        for n, (_, good) in enumerate(events)
    ]
    diagrams.time_line(canvas, {"weight": spans}, x=130, y=110, width=1050, height=64)
    for n, (event, _) in enumerate(events):
        canvas.text(130 + 175 * (n + 0.5), 62, event.replace(", ", ",\n").replace("r's ", "r's\n"))
    plots.show(
        canvas.figure(),
        alt="A time line of six events: "
        + "; ".join(f"after {event} weight is {span[2]}" for (event, _), span in zip(events, spans, strict=True))
        + ".",
        caption="Is `weight` equal to `weight_orig * weight_mask`, values and type? Asked after each event.",
    )


def moments(refresh, x):
    """A pruned layer at moments of a training, one after the other: (moment, layer)."""
    layer = step_1()
    optimizer = torch.optim.SGD(layer.parameters(), lr=0.1)
    yield "right after pruning", layer
    refresh(layer)
    yield "after refresh(layer)", layer
    layer(x).square().mean().backward()
    yield "forward, backward", layer
    optimizer.step()
    yield "optimizer.step()", layer
    with torch.no_grad():
        layer(x)
    yield "forward, no_grad", layer
    layer(x)
    yield "forward, gradients", layer
    with torch.inference_mode():
        layer(x)
    yield "forward, inference_mode", layer


def copies_table(refresh, x):
    """Which copies work at which moment, and whether a copy after a validation is whole.

    Args:
        refresh: the lesson's function.
        x: images.
    """

    def works(call):
        return "works" if says(call) == "no error" else "fails"

    rows = []
    for moment, layer in moments(refresh, x):
        copies = [copy.deepcopy, torch.optim.swa_utils.AveragedModel, lambda m: copy.deepcopy(m.state_dict())]
        rows.append([moment, *(works(lambda make=make, m=layer: make(m)) for make in copies)])
    layer = step_1()
    with torch.no_grad():
        layer(x)  # a validation without gradients
    twin = copy.deepcopy(layer)
    names = ("weight", "weight_orig", "weight_mask")
    shared = sum(getattr(twin, n).data_ptr() == getattr(layer, n).data_ptr() for n in names)
    same = torch.equal(twin(x), layer(x))
    return Table(
        ["moment", "deepcopy", "AveragedModel", "state_dict copied"],
        rows,
        caption=f"The copy after a validation gives {'the same' if same else 'another'} output, is "
        f"{'' if prune.is_pruned(twin) else 'not '}pruned, and shares memory in {shared} of 3 tensors.",
    )


def saved_and_read(model):
    """The state_dict as it comes back from a file."""
    file = io.BytesIO()
    torch.save(model.state_dict(), file)
    return torch.load(io.BytesIO(file.getvalue()), weights_only=True)


def loaded_table(loaded, images, labels):
    """Accuracy and zeros of models that were loaded from a file.

    Args:
        loaded: name -> LeNet.
        images, labels: of the test set.
    Returns:
        (Table, dict of name -> percent right).
    """
    right = {name: 100 * training.evaluate(model, images, labels) for name, model in loaded.items()}
    table = Table(
        ["model", "right, %", "zeros in fc1", "pruned"],
        [[name, f"{right[name]:.1f}", f"{zeros(m):,}", prune.is_pruned(m)] for name, m in loaded.items()],
    )
    return table, right


def second_step(make, refresh, x):
    """Prune between two steps: does the optimizer hold weight_orig, masked entries that moved, zeros in weight."""
    torch.manual_seed(0)
    conv = models.LeNet().conv1
    optimizer = make(conv.parameters())
    for step in (1, 2):
        if step == 2:
            prune.l1_unstructured(conv, name="weight", amount=0.5)
            before = conv.weight_orig.detach().clone()
        optimizer.zero_grad()
        conv(x).square().mean().backward()
        optimizer.step()
    held = any(p is conv.weight_orig for p in optimizer.param_groups[0]["params"])
    moved = (conv.weight_orig != before) & (conv.weight_mask == 0)
    return "yes" if held else "no", f"{int(moved.sum())} of 27", int((refresh(conv).weight == 0).sum())


def optimizers_table(makers, refresh, x):
    """What four optimizers do to a layer that was pruned after they were made.

    Args:
        makers: name -> function of the parameters that makes an optimizer.
        refresh: the lesson's function.
        x: images.
    """
    return Table(
        ["optimizer", "holds weight_orig", "masked entries moved", "zeros in weight"],
        [[name, *second_step(make, refresh, x)] for name, make in makers.items()],
    )


def resumed_table(x):
    """What happens when a run saved in one order of pruning and optimizer is resumed in another."""

    def run_with(make, optimizer_first, resume_from=None):
        layer = make()
        optimizer = torch.optim.Adam(layer.parameters()) if optimizer_first else None
        prune.l1_unstructured(layer, name="weight", amount=0.5)
        optimizer = optimizer or torch.optim.Adam(layer.parameters())
        if resume_from:
            optimizer.load_state_dict(resume_from)
        layer(x).square().mean().backward()
        optimizer.step()
        return optimizer.state_dict()

    order = {"optimizer, then pruning": True, "pruning, then optimizer": False}
    rows = []
    for layer, make in {"convolution": lambda: nn.Conv2d(1, 6, 3), "batch norm": lambda: nn.BatchNorm2d(1)}.items():
        for name, a in order.items():
            runs = [says(lambda m=make, a=a, b=b: run_with(m, b, run_with(m, a))) for b in order.values()]
            rows.append([layer, name, *(run.partition(":")[0] for run in runs)])
    return Table(["layer", "saved with; resumed with:", *order], rows)


def filters_cut_again():
    """Half of the filters of conv2 cut three times, and half of the single weights, then half of the filters.

    Returns:
        list of int, the filters of 16 that are empty after each call.
    """

    def conv2():
        torch.manual_seed(0)
        return models.LeNet().conv2

    empty, layer = [], conv2()
    for _ in range(3):
        prune.ln_structured(layer, "weight", amount=0.5, n=2, dim=0)
        empty.append(int((layer.weight_mask.sum((1, 2, 3)) == 0).sum()))
    print("half of the filters, three times; empty of 16 after each call:", empty)
    mixed = conv2()
    prune.l1_unstructured(mixed, "weight", amount=0.5)
    single = mixed.weight_mask.clone()
    prune.ln_structured(mixed, "weight", amount=0.5, n=2, dim=0)
    went = mixed.weight_mask.sum((1, 2, 3)) == 0
    print(
        f"half of the single weights, then half of the filters: sparsity {(mixed.weight_mask == 0).float().mean():.3f}"
    )
    print(
        f"by the first cut the filters that were cut next had lost {(single[went] == 0).float().mean():.0%}, the others "
        f"{(single[~went] == 0).float().mean():.0%}"
    )
    return empty


def two_triangles(triangle, replaced, sees, after_remove):
    """The mask of the layer itself, and what stands under its name after pruning.

    Args:
        triangle, replaced: float (5, 5).
        sees: how many outputs change with the last input, before and after.
        after_remove: what PyTorch says to a forward pass after `remove`.
    """
    canvas = diagrams.Canvas(width=620, height=412)
    for column, (words, mask, seen) in enumerate(
        (("its own", triangle, sees[0]), ("after pruning", replaced, sees[1]))
    ):
        left = 20 + 310 * column
        diagrams.grid(canvas, mask, left, 60, cell=52, meaning="mask", text="")
        canvas.text(left + 130, 28, words, size=30, bold=True)
        canvas.text(left + 130, 364, f"the last input\nchanges {seen} of 5", size=28)
    plots.show(
        canvas.figure(),
        alt=f"weight_mask as two grids of 5 by 5 cells. Its own: dark below the diagonal. After pruning: {int(replaced.sum())} "
        f"dark cells, {int(replaced.triu().sum())} of them on or above the diagonal.",
        caption=f"Dark: 1. Row: output, column: input. Forward after remove: {after_remove.partition(':')[0]}.",
    )


def tied(*pruned):
    """Embedding and readout that share one parameter, of 8 tokens by 4; the layers named in `pruned` get the same mask."""
    torch.manual_seed(0)
    net = nn.ModuleDict({"tokens": nn.Embedding(8, 4), "readout": nn.Linear(4, 8, bias=False)})
    net["readout"].weight = net["tokens"].weight
    for name in pruned:
        prune.l1_unstructured(net[name], "weight", amount=0.5)
    return net


def tied_logits(net, by_function=False):
    """The output for each of the 8 tokens; by a function: the readout computes with the embedding's own weight."""
    states = net["tokens"](torch.arange(8))
    return F.linear(states, net["tokens"].weight) if by_function else net["readout"](states)


def tied_zeros(net):
    """Zeros of (tokens, readout), as `weight` stands there."""
    return [int((net[name].weight == 0).sum()) for name in ("tokens", "readout")]


def tied_in_training():
    """Masked entries that get a gradient, in three ways of pruning tied layers: prints them."""
    found = {}
    cases = {"tokens pruned": (tied("tokens"), False), "both pruned": (tied("tokens", "readout"), False)}
    cases |= {"by a function": (tied("tokens"), True)}
    for words, (net, by_function) in cases.items():
        F.cross_entropy(tied_logits(net, by_function), torch.arange(8).roll(1)).backward()
        masked = net["tokens"].weight_mask == 0
        found[words] = int((net["tokens"].weight_orig.grad[masked] != 0).sum())
    print("masked entries with a gradient:", found)


def _drawn(net, words, left_link, right_link):
    """The one parameter, and what either layer multiplies with."""
    canvas = diagrams.Canvas(height=360)
    orig = getattr(net["tokens"], "weight_orig", net["tokens"].weight)
    parts = {"tokens.weight": net["tokens"].weight, "the parameter": orig, "readout.weight": net["readout"].weight}
    for left, (name, values) in zip((120, 520, 920), parts.items(), strict=True):
        diagrams.grid(canvas, values.detach(), left, 60, cell=30, mask=values.detach() != 0, text="")
        canvas.text(left + 60, 28, name, bold=True)
    canvas.wire((515, 180), (248, 180), meaning="fp32")
    canvas.wire((645, 180), (912, 180), meaning="fp32")
    canvas.text(382, 150, left_link)
    canvas.text(778, 150, right_link)
    canvas.text(580, 335, words)
    return canvas.figure()


def tied_frames(half, final, both):
    """Three frames: one layer pruned, then removed; both pruned."""
    stages = {
        "tokens pruned": (half, "× mask", "as it is"),
        "then removed": (final, "as it is", "as it is"),
        "instead, both pruned": (both, "× mask", "× mask"),
    }
    counts = {
        words: "{} zeros in tokens, {} in readout".format(*tied_zeros(net)) for words, (net, *_) in stages.items()
    }
    plots.show(
        [_drawn(net, f"{words}: {counts[words]}", *links) for words, (net, *links) in stages.items()],
        alt=[
            f"Three grids of 8 by 4 cells: tokens.weight, the parameter that both layers share, readout.weight; {words}, "
            f"{counts[words]}."
            for words in stages
        ],
        caption="8 tokens, 4 features; crossed cells are 0.",
    )


def _masks_held(net):
    """Bytes of the masks in buffers and hooks, each memory once, over the bytes of the weights that are pruned."""
    held = [b for name, b in net.named_buffers() if name.endswith("weight_mask")]
    for hook in (h for module in net.modules() for h in module._forward_pre_hooks.values()):
        methods = hook if isinstance(hook, prune.PruningContainer) else [hook]
        held += [method.mask for method in methods if hasattr(method, "mask")]
    memory = {m.untyped_storage().data_ptr(): m.untyped_storage().nbytes() for m in held}
    return sum(memory.values()) / sum(m.weight.nbytes for m in net.children())


def masks_in_memory(lenet):
    """Bytes of all masks over those of the weights, in five rounds, layer by layer and all together.

    Args:
        lenet: trained; copies of it are pruned.
    Returns:
        dict: way -> list of five shares.
    """

    def layer_by_layer(net):
        for module in net.children():
            prune.l1_unstructured(module, "weight", amount=0.2)

    def all_together(net):
        prune.global_unstructured(
            [(m, "weight") for m in net.children()], pruning_method=prune.L1Unstructured, amount=0.2
        )

    held, in_file, at_end = {}, {}, {}
    for name, method in {"layer by layer": layer_by_layer, "all together": all_together}.items():
        net, held[name] = copy.deepcopy(lenet), []
        for _ in range(5):
            method(net)
            held[name].append(_masks_held(net))
        saved_masks = sum(t.nbytes for key, t in net.state_dict().items() if key.endswith("_mask"))
        in_file[name] = saved_masks / sum(m.weight.nbytes for m in net.children())
        for module in net.children():
            prune.remove(module, "weight")
        at_end[name] = _masks_held(net)
    fig, ax = plots.figure(size=(6.4, 3.2))
    for (name, values), style in zip(held.items(), ("o-", "s--"), strict=True):
        ax.plot(range(1, 6), values, style, label=name)
    ax.set(xlabel="rounds of pruning", ylabel="masks, over weights", ylim=(0, 6.5))
    ax.legend(loc="upper left")
    plots.show(
        fig,
        alt="Bytes of all masks over those of the weights after 1 to 5 rounds: "
        + "; ".join(f"{name} {', '.join(f'{v:.1f}' for v in values)}" for name, values in held.items())
        + ".",
        caption=f"Each piece of memory counted once. In the file: {max(in_file.values()):.1f}; after remove: "
        f"{max(at_end.values()):.1f}.",
    )
    return held


def one_of_two_taken_back(refresh):
    """A table: zeros after two methods, after the first mask was copied back, and after `remove`."""
    twice = step_1()
    first_mask = twice.weight_mask.clone()
    prune.ln_structured(twice, name="weight", amount=0.5, n=2, dim=0)
    undone = copy.deepcopy(refresh(twice))
    undone.weight_mask.copy_(first_mask)
    walk = {"both methods": refresh(copy.deepcopy(twice)), "first mask copied back": refresh(undone)}
    walk["remove"] = prune.remove(twice, "weight")
    return Table(
        ["after", "zeros of 54", "still pruned"],
        [[name, int((conv.weight == 0).sum()), prune.is_pruned(conv)] for name, conv in walk.items()],
    )


def _conv_with(spoil=0):
    """conv1 of a new LeNet; of its first filter, so many weights are NaN."""
    torch.manual_seed(0)
    conv = models.LeNet().conv1
    conv.weight.data[:1].view(-1)[:spoil] = float("nan")
    return conv


def accepted_table():
    """What `prune` accepts without a word: cuts of all and of none, and NaN."""

    def accepted(amount, spoil=0, method=prune.l1_unstructured, **how):
        conv = method(_conv_with(spoil), "weight", amount=amount, **how)
        kept = conv.weight_orig[conv.weight_mask == 1]
        return [int(count.sum()) for count in (conv.weight_mask == 0, kept.isnan(), conv.weight.isnan())]

    rows = [
        ["amount=1", *accepted(1)],
        ["amount=1.0", *accepted(1.0)],
        ["amount=0.0", *accepted(0.0)],
        ["one NaN, amount=0.5", *accepted(0.5, 1)],
        ["one NaN, amount=1.0", *accepted(1.0, 1)],
        ["a filter of NaN, 3 of 6 filters", *accepted(0.5, 9, prune.ln_structured, n=2, dim=0)],
    ]
    return Table(
        ["of 54 weights", "cut", "NaN kept", "NaN in weight"], rows, caption="What PyTorch accepts without a word"
    )


def refused_table():
    """What PyTorch says to calls that cannot be right, and what `validate_request` says before anything is touched."""

    def answers(make, name, amount, dim=None):
        method, more = (prune.l1_unstructured, {}) if dim is None else (prune.ln_structured, {"n": 2, "dim": dim})
        by_torch = says(lambda: method(make(), name, amount=amount, **more))
        ours = says(lambda: prune_request.validate_request([(make(), name)], amount, dim=dim))
        return [text.partition(": ")[2] or text for text in (by_torch, ours)]

    calls = {f"amount={a!r}": (_conv_with, "weight", a) for a in (1.5, -1, 100, "half", 1.0)}
    calls |= {
        "one NaN": (lambda: _conv_with(1), "weight", 0.5),
        "name='wieght'": (_conv_with, "wieght", 0.3),
        "'bias' of a layer without one": (lambda: nn.Linear(3, 2, bias=False), "bias", 1),
        "a model, '0.weight'": (lambda: nn.Sequential(_conv_with()), "0.weight", 1),
        "dim=4": (_conv_with, "weight", 1, 4),
        "slices of a bias": (_conv_with, "bias", 1, 0),
    }
    return Table(["you give", "PyTorch", "validate_request"], [[what, *answers(*call)] for what, call in calls.items()])


def scores_unchecked():
    """Print what global_unstructured makes of scores in the right shape, transposed, and under a wrong key."""
    rising = torch.arange(12.0).view(3, 4)  # the first six are the smallest; all scores are joined to one list
    for words, key, scores in (
        ("right", "weight", rising),
        ("transposed", "weight", rising.T),
        ("wrong key", "w", rising),
    ):
        torch.manual_seed(0)
        pair = nn.Linear(4, 3), "weight"
        prune.global_unstructured([pair], prune.L1Unstructured, {(pair[0], key): scores.contiguous()}, amount=0.5)
        print(f"global_unstructured, scores {words}: no error, mask {pair[0].weight_mask.int().tolist()}")


def after_refusal(fresh, x):
    """A table: state of a pruned layer before and after a refused call.

    Args:
        fresh: the lesson's function.
        x: images.
    """

    def state_of(conv):
        conv.weight_orig.data.mul_(2)  # what training does
        conv(x)
        kind = [type(hook).__name__ for hook in conv._forward_pre_hooks.values()]
        in_file = "yes" if "weight_mask" in conv.state_dict() else "no"
        return [in_file, ", ".join(kind) or "–", "yes" if fresh(conv) else "no"]

    spoiled = step_1()
    says(lambda: prune.l1_unstructured(spoiled, name="weight", amount=1.5))
    rows = [state_of(step_1()), state_of(spoiled)]
    bare = nn.Linear(3, 2, bias=False)
    says(lambda: prune.l1_unstructured(bare, name="bias", amount=1))
    bias_lost = says(lambda: bare(torch.ones(1, 3))).partition(":")[0]
    return Table(
        ["", "before", "after"],
        [
            [what, *values]
            for what, *values in zip(("mask in the file", "hook", "weight follows weight_orig"), *rows, strict=True)
        ],
        caption=f"Not in the table: a layer whose bias is None raises {bias_lost} in forward after a refused call for it",
    )
