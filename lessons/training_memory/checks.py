"""Checks of the lesson `training_memory`: what training keeps in memory, and what makes it fit."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from hypothesis import strategies as st

from course_utils.exercises.core import Mistake, check
from course_utils.exercises.investigation import Run, World, investigate, told
from course_utils.exercises.search import compare


@st.composite
def _models(draw: Callable) -> tuple[list[tuple[str, int, bool]], int]:
    """(tensors, n_states): a name that comes twice is the same tensor twice."""
    names = draw(st.lists(st.sampled_from(["a.weight", "b.weight", "a.bias", "b.bias", "weight"]), max_size=6))
    kinds = {name: (draw(st.integers(1, 20)), draw(st.booleans())) for name in dict.fromkeys(names)}
    return [(name, *kinds[name]) for name in names], draw(st.integers(0, 3))


@check(
    "Exercise 1, Bytes of a training",
    why="A trained number is in memory 2 + n_states times, as weight, gradient and states; another one is there once. A name stands "
    "for one tensor, so each name counts once, wherever it is used.",
)
def training_bytes(answer: Callable) -> None:
    """``training_bytes(tensors, n_states) -> int``."""

    def rule(
        *,
        each=4,
        trained=lambda s: 2 + s,
        frozen=lambda s: 1,
        tensors=lambda ts: {t[0]: t for t in ts}.values(),
    ):
        return lambda ts, s: each * sum(n * (trained(s) if t else frozen(s)) for _, n, t in tensors(ts))

    def twice_shared(ts):
        return ts

    def alike(key):
        """Those with the same key are taken for one: the last of them is kept, or the first."""
        return tuple(
            rule(tensors=lambda ts, order=order: {key(t): t for t in ts[::order]}.values()) for order in (1, -1)
        )

    def never_shared(ts):
        return [t for t in ts if [other[0] for other in ts].count(t[0]) == 1]

    def by_neighbour(ts):
        return [t for at, t in enumerate(ts) if at == 0 or t[0] != ts[at - 1][0]]

    def all_or_none(ts, s):
        return rule()([(name, n, all(t for *_, t in ts)) for name, n, _ in ts], s)

    def weights_shared_only(ts, s):
        kept = {t[0]: t for t in ts}.values()
        return 4 * (sum(n for _, n, _ in kept) + sum(n * (1 + s) for _, n, t in ts if t))

    def counted_once(of_each, of_name):
        """Per place of a tensor, and per name: what a trained number takes there."""
        return lambda ts, s: (
            4
            * (
                sum(n * of_each(s) for _, n, t in ts if t)
                + sum(n * (of_name(s) if t else 1) for _, n, t in {t[0]: t for t in ts}.values())
            )
        )

    def again_as_frozen(ts, s):
        return rule()(ts, s) + 4 * (sum(n for _, n, _ in ts) - sum(n for _, n, _ in {t[0]: t for t in ts}.values()))

    def until_a_name_comes_again(ts, s):
        names = [name for name, *_ in ts]
        return rule()(ts[: next((at for at, name in enumerate(names) if name in names[:at]), len(ts))], s)

    def any_trained(ts, s):
        return rule()([(name, n, any(t for *_, t in ts)) for name, n, _ in ts], s)

    def at_each(each):
        return lambda ts, s: sum(each(n, t, s) for _, n, t in {t[0]: t for t in ts}.values())

    wrong = {
        "You count 16 bytes for every number, as for one trained with Adam. A trained number has 2 + n_states of 4 bytes, another "
        "one has one.": (rule(trained=lambda s: 4, frozen=lambda s: 4), rule(each=16, trained=lambda s: 1)),
        "You count the gradient of a shared tensor twice. It exists once, and so does its gradient.": counted_once(
            lambda s: 1, lambda s: 1 + s
        ),
        "You count the states of a shared tensor twice. It exists once, and so do its states.": counted_once(
            lambda s: s, lambda s: 2
        ),
        "You count the weights of a shared tensor at each of its places. It exists once.": again_as_frozen,
        "You count a trained tensor twice where it is shared, and others once. Each name stands for one tensor.": counted_once(
            lambda s: 2 + s, lambda s: 0
        ),
        "You stop at the first name that comes again. Leave out that entry only: more tensors may follow.": (
            until_a_name_comes_again
        ),
        "You add n_states numbers for a tensor, or for the model. Each state has as many numbers as its tensor.": (
            at_each(lambda n, t, s: 4 * (n * 2 + s if t else n)),
            at_each(lambda n, t, s: 4 * n * 2 + s if t else 4 * n),
            lambda ts, s: rule()(ts, 0) + 4 * s,
            lambda ts, s: rule()(ts, s) + 4 * s,
        ),
        "You take tensors for one when size and flag are the same. Only the same name means the same tensor.": alike(
            lambda t: t[1:]
        ),
        "You take tensors for one when their names begin alike, as weight and bias of a layer do. Only the whole name means the "
        "same tensor.": alike(lambda t: t[0].partition(".")[0]),
        "You count one byte for a number that is not trained. It is fp32, too: 4 bytes.": at_each(
            lambda n, t, s: 4 * n * (2 + s) if t else n
        ),
        "You count tensors. Each holds many numbers, of 4 bytes each.": (
            at_each(lambda n, t, s: 4 * (2 + s if t else 1)),
            at_each(lambda n, t, s: 2 + s if t else 1),
            at_each(lambda n, t, s: 4 * (2 + s)),
        ),
        "You take the largest tensor. All of them are in memory at once: add them up.": lambda ts, s: max(
            (rule()([one], s) for one in ts), default=0
        ),
        "You raise 2 to the power of n_states. A trained number is there 2 + n_states times.": rule(
            trained=lambda s: 2**s
        ),
        "You keep two states at most. The optimizer keeps n_states of them.": rule(trained=lambda s: 2 + min(s, 2)),
        "You keep at least one state. n_states may be 0, as for plain SGD.": rule(trained=lambda s: 2 + max(s, 1)),
        "You leave out the last tensor.": lambda ts, s: rule()([*{t[0]: t for t in ts}.values()][:-1], s),
        "You leave out the first tensor.": lambda ts, s: rule()([*{t[0]: t for t in ts}.values()][1:], s),
        "As soon as one tensor is trained, you give all of them gradients and states. Each tensor has a flag of its own.": (
            any_trained
        ),
        "You count activations, or a copy of every tensor. Asked are weights, gradients and states.": rule(
            trained=lambda s: 3 + s, frozen=lambda s: 2
        ),
        "You count weights and gradients of 2 bytes, as in mixed precision. Here all is in fp32, 4 bytes.": (
            at_each(lambda n, t, s: n * (4 + 4 * s if t else 2)),
            at_each(lambda n, t, s: n * (8 + 4 * s if t else 2)),
        ),
        "You count one byte for a state. It is fp32, too: 4 bytes for each number.": at_each(
            lambda n, t, s: n * (8 + s if t else 4)
        ),
        "You count a shared tensor twice. It exists once, and so do its gradient and its states.": rule(
            tensors=twice_shared
        ),
        "You count the weights of a shared tensor once, but its gradient and its states twice.": weights_shared_only,
        "You leave out the gradients. Each trained number has one.": rule(trained=lambda s: 1 + s),
        "You leave out the optimizer's states.": rule(trained=lambda s: 2),
        "You keep one state, however many there are. The optimizer keeps n_states of them.": rule(
            trained=lambda s: 2 + min(s, 1)
        ),
        "You leave out one state.": rule(trained=lambda s: 2 + max(s - 1, 0)),
        "You always count two states. n_states says how many there are.": rule(trained=lambda s: 4),
        "You count 2 bytes a number. fp32 takes 4.": rule(each=2),
        "You count 8 bytes a number. fp32 takes 4.": rule(each=8),
        "You count numbers, not bytes. An fp32 number takes 4.": rule(each=1),
        "You count bits. The card asks for bytes.": rule(each=32),
        "You give gradients and states to tensors that are not trained.": rule(frozen=lambda s: 2 + s),
        "You give gradients to tensors that are not trained.": rule(frozen=lambda s: 2),
        "You give states to tensors that are not trained.": rule(frozen=lambda s: 1 + s),
        "You leave out the tensors that are not trained. Their weights are in memory, too.": rule(frozen=lambda s: 0),
        "You count gradients and states only. The weights are in memory, too, trained or not.": rule(
            trained=lambda s: 1 + s, frozen=lambda s: 0
        ),
        "You take names for the same that differ in capital letters alone. Only the very same name means the same tensor.": alike(
            lambda t: t[0].lower()
        ),
        "You count the states only. Weights and gradients are in memory, too.": rule(
            trained=lambda s: s, frozen=lambda s: 0
        ),
        "You count a shared tensor twice where it is not trained. It exists once as well.": lambda ts, s: (
            rule()([t for t in ts if t[2]], s) + 4 * sum(n for _, n, t in ts if not t)
        ),
        "You count the weights only.": rule(trained=lambda s: 1),
        "You have trained and not trained the wrong way round.": rule(trained=lambda s: 1, frozen=lambda s: 2 + s),
        "You count master weights as well. In fp32 the weights are their own master.": rule(trained=lambda s: 3 + s),
        "You give each state a gradient. Only the weight has one.": rule(trained=lambda s: 2 + 2 * s),
        "You multiply by n_states where it should be added.": rule(trained=lambda s: 2 * s),
        "You take tensors of the same size for one. Only the same name means the same tensor.": alike(lambda t: t[1]),
        "You leave shared tensors out altogether. Each exists once.": rule(tensors=never_shared),
        "You take tensors for one when their names end alike. Only the whole name means the same tensor.": alike(
            lambda t: t[0].rpartition(".")[2]
        ),
        "You compare a name with the one before it. The two places of a shared tensor may lie apart.": rule(
            tensors=by_neighbour
        ),
        "As soon as one tensor is not trained, you leave out gradients and states of all. Each tensor has a flag of its own.": (
            all_or_none
        ),
        "You count shared tensors twice, and give tensors that are not trained gradients and states.": rule(
            tensors=twice_shared, frozen=lambda s: 2 + s
        ),
        "You count shared tensors twice, and leave out the gradients.": rule(
            tensors=twice_shared, trained=lambda s: 1 + s
        ),
        "Gradients and states are of 2 bytes with you. All are fp32 here, 4 bytes.": lambda ts, s: sum(
            n * (4 + 2 * (1 + s) * t) for _, n, t in {t[0]: t for t in ts}.values()
        ),
        "Your gradients take 2 bytes. All numbers are fp32 here, 4 bytes.": lambda ts, s: sum(
            n * (4 + (2 + 4 * s) * t) for _, n, t in {t[0]: t for t in ts}.values()
        ),
    }
    tied = [("embedding.weight", 12, True), ("norm.weight", 2, True), ("embedding.weight", 12, True)]
    compare(
        answer,
        right=rule(),
        wrong=wrong,
        rtol=1e-12,
        names=("tensors", "n_states"),
        edges=[
            ([("w", 5, True)], 2),
            ([("w", 5, True), ("b", 5, True)], 1),
            ([("w", 5, True), ("W", 3, True)], 1),
            ([("w", 5, False)], 2),
            ([("w", 5, True), ("b", 3, False)], 0),
            (tied, 2),
            ([("a", 3, False), ("b", 3, True), ("a", 3, False)], 3),
        ],
        inputs=_models(),
    )


ARMS = ("plain", "checkpoints", "SGD", "both")
FINDINGS = (*ARMS, "neither")
STEPS = range(1, 9)


def _device(
    right: str,
    said: str,
    hint: str,
    *,
    inside: float,
    states: float = 0.0,
    rest: float = 10.0,
    temporaries: float = 0.0,
    lengths: tuple[float, ...] = (1.0,) * 8,
) -> World:
    """A training on a device with 100 MiB, in which the activations and the optimizer's temporaries are never there together.

    Args:
        right, said, hint: as in `World`.
        inside: MiB of activations, of which checkpoints leave a fifth.
        states: MiB that AdamW keeps, from the end of the first step on.
        rest: MiB of weights, gradients and the batch.
        temporaries: MiB in the optimizer's step, when the activations are gone.
        lengths: how long the batch of each step is; the activations are in proportion to it.
    """

    def measure(arm: str, number: int, *, step: float) -> float:
        if step not in STEPS:
            raise ValueError(f"step must be a whole number from 1 to 8, got {step}.")
        small = arm in ("checkpoints", "both")
        activations = inside * lengths[int(step) - 1] * (0.2 if small else 1.0)
        kept = 0.0 if arm in ("SGD", "both") or step == 1 else states
        return rest + kept + max(activations, temporaries)

    return World(said, right, measure, hint)


DEVICES = (
    _device(
        "checkpoints",
        "the activations take nearly all of it",
        "Here the activations are the largest. Look at what each change does alone.",
        inside=130.0,
        states=4.0,
    ),
    _device(
        "SGD",
        "the first step fits, because the states are made at its end; from the second step on they are too much",
        "In the first step there are no states yet. From the second step on they are there all the time: look at all eight steps.",
        inside=20.0,
        states=100.0,
    ),
    _device(
        "both",
        "the batch of step 6 is the longest, and there checkpoints alone are not enough; the other steps fit with them",
        "Batches are not equally long here. One step that does not fit ends the training, so what counts is the highest of the eight "
        "peaks, and not their mean or most of them.",
        inside=130.0,
        states=55.0,
        rest=14.0,
        lengths=(1.0, 0.9, 1.0, 0.8, 1.0, 1.3, 0.9, 1.0),
    ),
    _device(
        "plain",
        "the training as it is fits already, with exactly 100 MiB in its highest steps",
        "Compare the training as it is with the 100 MiB, too. A change that lowers the peak may not be needed.",
        inside=70.0,
        states=20.0,
    ),
    _device(
        "neither",
        "one operation needs large temporaries, in the optimizer's step: neither checkpoints nor SGD lower these",
        "One of the arms is always the lowest of the four. Whether it fits only the 100 MiB can tell.",
        inside=120.0,
        states=30.0,
        temporaries=90.5,
    ),
    _device(
        "checkpoints",
        "the last batch is the longest: the plain training needs 111 MiB there and 90 before, and SGD 101",
        "The last step needs more than all others here, in the plain training and with SGD. An arm fits if all eight of its steps do.",
        inside=70.0,
        states=10.0,
        lengths=(1.0,) * 7 + (1.3,),
    ),
    _device(
        "both",
        "the first batch is the longest, so SGD is at its highest there, and the plain training later, when the states are there",
        "The arms have their highest steps at different places here: SGD in the first, plain and checkpoints later. Measure how high each "
        "arm gets, and work nothing out from another arm.",
        inside=60.0,
        states=40.0,
        temporaries=55.0,
        lengths=(1.6,) + (1.0,) * 7,
    ),
    _device(
        "neither",
        "the batch of step 5 is twice as long as the others: with both changes it needs 108 MiB, and the others 84",
        "In one step even both changes together need more than 100 MiB here. All eight steps count for this arm, too.",
        inside=120.0,
        states=30.0,
        rest=60.0,
        lengths=(1.0,) * 4 + (2.0,) + (1.0,) * 3,
    ),
    *(
        _device(
            "checkpoints",
            f"the batch of step {at} is the longest, and there the plain training and SGD do not fit",
            f"The training as it is, and the one with SGD, need more than 100 MiB in step {at} here, and in no other. None of the eight steps may be left out.",
            inside=70.0,
            states=5.0,
            lengths=tuple(1.4 if step == at else 1.0 for step in STEPS),
        )
        for at in (2, 3, 4, 7)
    ),
)


def _all_steps(runs: Sequence[Run]) -> None:
    """Raise if a step was left out; each arm is known to have been run with the same ones."""
    if left := sorted(set(STEPS) - {run.settings["step"] for run in runs}):
        said = f"Your experiment leaves out step {', '.join(map(str, left))}."
        hint = (
            "An arm fits if none of its eight steps needs too much: a step that you did not measure may be the highest."
        )
        raise Mistake(said, hint, told(runs, ARMS))


@check(
    "Exercise 2, What makes it fit?",
    why="Memory is full at one moment, so the highest of all steps decides: the first step has no states yet, and one long batch is enough to "
    "end a training. The plain arm tells whether anything has to change, and each change alone tells who was the largest.",
)
def what_fits(answer: Callable) -> None:
    """``what_fits(peak) -> "plain", "checkpoints", "SGD", "both" or "neither"``, on made-up trainings."""
    investigate(
        answer,
        DEVICES,
        arms=ARMS,
        settings={"step": 1},
        look=_all_steps,
        conclusions=FINDINGS,
        name="peak",
    )


@st.composite
def _segments(draw: Callable) -> tuple[list[int], list[int], list[int]]:
    """(inputs, inside, starts) of a chain of layers, cut anywhere."""
    n = draw(st.integers(1, 6))
    inputs, inside = (draw(st.lists(st.integers(1, most), min_size=n, max_size=n)) for most in (9, 30))
    cuts = draw(st.lists(st.booleans(), min_size=n - 1, max_size=n - 1))
    return inputs, inside, [0] + [at + 1 for at, cut in enumerate(cuts) if cut]


@check(
    "Exercise 3, Where to cut",
    why="At the turn of a segment its inside is back, and the inputs of the segments still to come are kept beside it. More cuts "
    "make each inside smaller and the kept inputs more: the peak is the largest sum of both.",
)
def checkpointed_peak(answer: Callable) -> None:
    """``checkpointed_peak(inputs, inside, starts) -> int``."""

    def rule(
        *,
        kept=lambda x, a, j: sum(x[s] for s in a[: j + 1]),
        again=lambda x, v, s, e: sum(v[s:e]),
        of=max,
        pick=lambda turns: turns,
    ):
        def peak(x, v, a):
            ends = [*a[1:], len(x)]
            turns = [kept(x, a, j) + again(x, v, s, e) for j, (s, e) in enumerate(zip(a, ends, strict=True))]
            return of(pick(turns))

        return peak

    def sum_of_all(x, v, a):
        return sum(x[s] for s in a)

    def no_last(x, v, a):
        return max([0] + [sum(x[s] for s in a[: j + 1]) + sum(v[a[j] : a[j + 1]]) for j in range(len(a) - 1)])

    def equal_parts(x, v, a):
        return sum_of_all(x, v, a) + sum(v) / len(a)

    def first_layer_of_largest(x, v, a):
        return max(rule(again=lambda x, v, s, e: v[s])(x, v, a), 0)

    wrong = {
        "You add the inside of all layers: that is training without checkpoints. Only one segment is computed again at a time.": lambda x, v, a: (
            sum_of_all(x, v, a) + sum(v)
        ),
        "You add everything. With checkpoints only the inputs of segments are kept, and one inside at a time.": lambda x, v, a: (
            sum(x) + sum(v)
        ),
        "You add the insides of all layers, and leave out the inputs.": lambda x, v, a: sum(v),
        "You keep the inputs alone. In the backward pass the inside of a segment comes back.": sum_of_all,
        "You keep the inputs of all layers alone. In the backward pass the inside of a segment comes back.": lambda x, v, a: (
            sum(x)
        ),
        "You leave out the inputs of the segments: they are kept for the second forward pass.": rule(
            kept=lambda x, a, j: 0
        ),
        "You keep the inputs of all segments throughout. Those of later segments are freed when their backward pass is done.": rule(
            kept=lambda x, a, j: sum(x[s] for s in a)
        ),
        "You keep the input of the segment whose turn it is, and forget those of the segments before it.": rule(
            kept=lambda x, a, j: x[a[j]]
        ),
        "You forget the input of the segment whose turn it is. It is kept until its backward pass is done.": rule(
            kept=lambda x, a, j: sum(x[s] for s in a[:j])
        ),
        "You keep the inputs of later segments in place of those of earlier ones. The backward pass begins at the end.": rule(
            kept=lambda x, a, j: sum(x[s] for s in a[j:])
        ),
        "You keep the inputs of all layers. A checkpoint keeps the input of its segment only.": rule(
            kept=lambda x, a, j: sum(x)
        ),
        "You keep the inputs of all layers up to the segment. A checkpoint keeps the input of its segment only.": rule(
            kept=lambda x, a, j: sum(x[: a[j] + 1])
        ),
        "You also count the inputs of the layers in the segment. By the card only inputs of segments are kept; the insides are given.": rule(
            again=lambda x, v, s, e: sum(v[s:e]) + sum(x[s + 1 : e])
        ),
        "You take the largest layer of a segment. The insides of all its layers are there until its backward pass.": rule(
            again=lambda x, v, s, e: max(v[s:e])
        ),
        "You leave out the input of the first segment. It is kept until its backward pass, the last one, is done.": rule(
            kept=lambda x, a, j: sum(x[s] for s in a[1 : j + 1])
        ),
        "You keep the inputs of later segments, whose backward passes are done. Those of earlier segments wait, and its own.": (
            rule(kept=lambda x, a, j: sum(x[s] for s in a[j + 1 :]))
        ),
        "You keep the input of the next segment, too. Its backward pass is done: the segments come from the last to the first.": (
            rule(kept=lambda x, a, j: sum(x[s] for s in a[: j + 2]))
        ),
        "Your insides go from the segment's start to the end of the chain. They end where the next segment starts: later ones "
        "are done.": rule(again=lambda x, v, s, e: sum(v[s:])),
        "You count layers from 1. The starts are places in the lists, from 0: inputs[start].": rule(
            kept=lambda x, a, j: sum(x[s - 1] for s in a[: j + 1])
        ),
        "You take the largest of the kept inputs. All of them are there at once: add them.": rule(
            kept=lambda x, a, j: max(x[s] for s in a[: j + 1])
        ),
        "You count the segment's own input twice. It is kept once, among the inputs; its inside does not hold it.": (
            rule(again=lambda x, v, s, e: sum(v[s:e]) + x[s])
        ),
        "You also count the inputs of all layers in the segment, the first one twice. Each is the output of the layer before, and "
        "is in its inside.": rule(again=lambda x, v, s, e: sum(v[s:e]) + sum(x[s:e])),
        "You take the last layer of a segment. The insides of all its layers come back.": rule(
            again=lambda x, v, s, e: v[e - 1]
        ),
        "You keep the inputs of all layers before the segment. A checkpoint keeps the input of its segment only.": rule(
            kept=lambda x, a, j: sum(x[: a[j]])
        ),
        "You keep the input of the segment's layers, and forget those of the segments before it.": rule(
            kept=lambda x, a, j: sum(x[a[j] : [*a[1:], len(x)][j]])
        ),
        "You keep the inputs of all layers up to the segment's end. A checkpoint keeps the input of its segment only.": rule(
            kept=lambda x, a, j: sum(x[: [*a[1:], len(x)][j]])
        ),
        "Your last segment ends at the number of segments. It ends at the number of layers, len(inputs).": (
            lambda x, v, a: max(
                sum(x[b] for b in a[: j + 1]) + sum(v[s:e])
                for j, (s, e) in enumerate(zip(a, [*a[1:], len(a)], strict=True))
            ),
            lambda x, v, a: max(sum(x[b] for b in a) + sum(v[s:e]) for s, e in zip(a, [*a[1:], len(a)], strict=True)),
        ),
        "You add the inside of the first layers alone. The insides of all layers of a segment come back, one segment at a time.": (
            lambda x, v, a: sum(x[s] + v[s] for s in a)
        ),
        "You take the first inside of a segment for all of its layers. Each layer has its own: add them up.": rule(
            again=lambda x, v, s, e: (e - s) * v[s]
        ),
        "You add up places. A start is the number of a layer: its input has inputs[start] bytes.": rule(
            kept=lambda x, a, j: sum(a[: j + 1])
        ),
        "With one segment you take the inputs of all layers. A checkpoint keeps the input of its segment only.": lambda x, v, a: (
            rule()(x, v, a) if len(a) > 1 else sum(x) + sum(v)
        ),
        "With one segment you take the inputs of all layers, and with several you leave out the last segment.": lambda x, v, a: (
            no_last(x, v, a) if len(a) > 1 else sum(x) + sum(v)
        ),
        "You return the place of the peak. Return its bytes.": lambda x, v, a: max(
            range(len(a)), key=lambda j: sum(x[s] for s in a[: j + 1]) + sum(v[a[j] : [*a[1:], len(x)][j]])
        ),
        "You take the largest layer of a segment, and keep all inputs throughout.": rule(
            again=lambda x, v, s, e: max(v[s:e]), kept=lambda x, a, j: sum(x[s] for s in a)
        ),
        "You take the first layer of a segment. The insides of all its layers come back.": first_layer_of_largest,
        "Your segments lack their last layer. A segment goes up to the start of the next one.": rule(
            again=lambda x, v, s, e: sum(v[s : e - 1])
        ),
        "Your segments lack their first layer. Its inside comes back, too.": rule(
            again=lambda x, v, s, e: sum(v[s + 1 : e])
        ),
        "Your segments overlap: the layer at which the next one starts is counted in both.": rule(
            again=lambda x, v, s, e: sum(v[s : e + 1])
        ),
        "You look at the last segment only. An earlier one with a large inside may be the peak.": rule(
            pick=lambda turns: turns[-1:]
        ),
        "You look at the first segment only.": rule(pick=lambda turns: turns[:1]),
        "You leave out the last segment. By the card it, too, is computed again.": no_last,
        "You add the turns of all segments. They come one after the other: take the largest.": rule(of=sum),
        "You take the smallest turn. The memory must hold the largest.": rule(of=min),
        "You take the mean inside of a segment. The memory must hold the largest.": equal_parts,
        "You count each inside twice. The second forward pass makes it once more, after the first was freed.": rule(
            again=lambda x, v, s, e: 2 * sum(v[s:e])
        ),
        "You take the inputs as numbered by segment. The input of a segment is that of its first layer, inputs[start].": rule(
            kept=lambda x, a, j: sum(x[: j + 1])
        ),
        "You find the segment with the largest inside alone. Inputs kept beside it decide, too.": lambda x, v, a: max(
            (sum(v[s:e]), sum(x[b] for b in a[: j + 1]) + sum(v[s:e]))
            for j, (s, e) in enumerate(zip(a, [*a[1:], len(x)], strict=True))
        )[1],
    }
    compare(
        answer,
        right=rule(),
        wrong=wrong,
        rtol=0.0,
        names=("inputs", "inside", "starts"),
        edges=[
            ([1, 1, 1, 1], [10, 10, 10, 10], [0, 2]),
            ([1, 2, 3], [5, 6, 7], [0, 1, 2]),
            ([4, 3, 2, 1], [2, 30, 4, 5], [0, 1, 3]),
            ([5], [7], [0]),
            ([2, 3, 4], [9, 1, 1], [0]),
            ([9, 9, 9], [10, 9, 8], [0, 1, 2]),
            ([0], [0], [0]),
        ],
        inputs=_segments(),
    )
