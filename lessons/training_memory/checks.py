"""Checks of the lesson `training_memory`: what training and inference keep in memory."""

from __future__ import annotations

from collections.abc import Callable

from hypothesis import strategies as st

from course_utils.exercises.core import check
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

    def by_size(ts):
        return {t[1]: t for t in ts}.values()

    def never_shared(ts):
        return [t for t in ts if [other[0] for other in ts].count(t[0]) == 1]

    def by_last_part(ts):
        return {t[0].rpartition(".")[2]: t for t in ts}.values()

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
        "You take tensors for one when size and flag are the same. Only the same name means the same tensor.": rule(
            tensors=lambda ts: {t[1:]: t for t in ts}.values()
        ),
        "You take tensors for one when their names begin alike, as weight and bias of a layer do. Only the whole name means the "
        "same tensor.": rule(tensors=lambda ts: {t[0].partition(".")[0]: t for t in ts}.values()),
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
        "You count the weights only.": rule(trained=lambda s: 1),
        "You have trained and not trained the wrong way round.": rule(trained=lambda s: 1, frozen=lambda s: 2 + s),
        "You count master weights as well. In fp32 the weights are their own master.": rule(trained=lambda s: 3 + s),
        "You give each state a gradient. Only the weight has one.": rule(trained=lambda s: 2 + 2 * s),
        "You multiply by n_states where it should be added.": rule(trained=lambda s: 2 * s),
        "You take tensors of the same size for one. Only the same name means the same tensor.": rule(tensors=by_size),
        "You leave shared tensors out altogether. Each exists once.": rule(tensors=never_shared),
        "You take tensors for one when their names end alike. Only the whole name means the same tensor.": rule(
            tensors=by_last_part
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
            ([("w", 5, False)], 2),
            ([("w", 5, True), ("b", 3, False)], 0),
            (tied, 2),
            ([("a", 3, False), ("b", 3, True), ("a", 3, False)], 3),
        ],
        inputs=_models(),
    )


@st.composite
def _chains(draw: Callable) -> tuple:
    """(sizes,) or (sizes, skip): activations of a chain; with a skip, two of them have the same size.

    Of the shortcuts half span most of the chain: only a long one shows when its activation begins and ends to wait.
    """
    kind = draw(st.sampled_from(["chain", "any shortcut", "long shortcut"]))
    long = kind == "long shortcut"
    sizes = draw(st.lists(st.integers(1, 20), min_size=5 if long else 2, max_size=8 if long else 6))
    if kind == "chain":
        return (sizes,)
    start = draw(st.integers(0, 1 if long else len(sizes) - 2))
    end = draw(st.integers(len(sizes) - 2 if long else start + 1, len(sizes) - 1))
    sizes[start] = sizes[end] = draw(st.integers(1, 20))
    return sizes, (start, end)


@check(
    "Exercise 2, The peak of a chain",
    why="While a layer runs, its input and its output are alive, and whatever still waits to be used. Everything else has been "
    "freed: so the largest of these sums is the peak, and a shortcut raises it only at the layers that it spans.",
)
def peak_bytes(answer: Callable) -> None:
    """``peak_bytes(sizes, skip=None) -> int``."""

    def rule(*, waits=lambda layer, a, b: a < layer < b, pair=lambda s, i: s[i] + s[i + 1], of=max, layers=None):
        def peak(sizes, skip=None):
            steps = (layers or (lambda n: range(n)))(len(sizes) - 1)
            a, b = skip or (len(sizes), -1)
            extra = sizes[a] if skip else 0
            return of([pair(sizes, i) + (extra if skip and waits(i, a, b) else 0) for i in steps] or [0])

        return peak

    def three(s, i):
        return s[i] + s[i + 1] + (s[i + 2] if i + 2 < len(s) else 0)

    def largest_two(sizes, skip=None):
        return sum(sorted(sizes)[-2:])

    def largest_two_and_skip(sizes, skip=None):
        return sum(sorted(sizes)[-2:]) + (sizes[skip[0]] if skip else 0)

    def largest_of_chain_and_skip(sizes, skip=None):
        return rule(waits=lambda *_: False)(sizes) + (sizes[skip[0]] if skip else 0)

    def around_largest(sizes, skip=None):
        at = sizes.index(max(sizes))
        return sizes[at] + max(sizes[max(at - 1, 0) : at] + sizes[at + 1 : at + 2])

    def added_output(sizes, skip=None):
        """The sum is written to a new place: three of one size at the addition."""
        peak = rule()(sizes, skip)
        return max(peak, 3 * sizes[skip[1]]) if skip else peak

    def added_output_beside_input(sizes, skip=None):
        peak = rule()(sizes, skip)
        return max(peak, 2 * sizes[skip[1]] + sizes[skip[1] - 1] + sizes[skip[0]]) if skip else peak

    def begins_at_0(sizes, skip=None):
        return rule()(sizes, skip if skip and skip[0] else None)

    def later_start(waits):
        """Activation start + 1 waits in place of start."""
        return lambda sizes, skip=None: max(
            sizes[i] + sizes[i + 1] + (sizes[skip[0] + 1] if skip and waits(i, *skip) else 0)
            for i in range(len(sizes) - 1)
        )

    def all_since(sizes, skip=None):
        """Every activation since start waits, up to the end."""
        a, b = skip or (0, 0)
        return max(
            sizes[i] + sizes[i + 1] + (sum(sizes[a:i]) if skip and a < i < b else 0) for i in range(len(sizes) - 1)
        )

    def all_at_the_end(sizes, skip=None):
        return max(rule()(sizes), sum(sizes[skip[0] : skip[1] + 1]) if skip else 0)

    def only_spanned(sizes, skip=None):
        return rule(layers=lambda n: range(*skip))(sizes, skip) if skip else rule()(sizes)

    def in_the_sizes(last):
        """sizes[start] is added to the activations between, so that two layers count each."""

        def peak(sizes, skip=None):
            a, b = skip or (0, 0)
            return rule()([size + (sizes[a] if a < at < b + last else 0) for at, size in enumerate(sizes)])

        return peak

    def at_the_addition(*others):
        """At the end these activations are alive, the shortcut's two among them, and nowhere else does one wait."""
        return lambda sizes, skip=None: max(
            rule()(sizes), sizes[skip[0]] + sum(sizes[skip[1] + at] for at in others) if skip else 0
        )

    def windows(sizes, skip=None):
        return max(sum(sizes[i : i + 3]) for i in range(max(1, len(sizes) - 2)))

    def place_of_the_peak(sizes, skip=None):
        a, b = skip or (0, 0)
        live = [sizes[i] + sizes[i + 1] + (sizes[a] if a < i < b else 0) for i in range(len(sizes) - 1)]
        return live.index(max(live))

    never = {"waits": lambda layer, a, b: False}
    wrong = {
        "You add up all activations. Each is freed after its last use: the peak is the largest sum that is alive at once.": lambda s, k=None: (
            sum(s)
        ),
        "You add up the activations, and the one of the shortcut again.": lambda s, k=None: (
            sum(s) + (s[k[0]] if k else 0)
        ),
        "You add up the pairs of all layers. One layer runs at a time: take the largest.": rule(of=sum),
        "You take the largest activation alone. While a layer runs, its input and its output are both there.": lambda s, k=None: (
            max(s)
        ),
        "You take the largest activation, and the one that waits. While a layer runs, input and output are both there.": (
            rule(pair=lambda s, i: s[i + 1]),
            rule(pair=lambda s, i: max(s[i], s[i + 1])),
            lambda s, k=None: max(s) + (s[k[0]] if k else 0),
        ),
        "You count the inputs only. The output of the layer is alive, too.": rule(pair=lambda s, i: s[i]),
        "You forget the shortcut: activation start waits until it has been added.": rule(**never),
        "A shortcut that starts at 0 is none for you: 0 counts as false. Ask `if skip`, or `skip is not None`.": begins_at_0,
        "Your activation start begins to wait one layer too late. Layer start + 1 already runs while it waits.": rule(
            waits=lambda layer, a, b: a + 1 < layer < b
        ),
        "Your activation start begins to wait one layer too late and is freed one too early. It waits from layer start + 1 to "
        "layer end - 1.": rule(waits=lambda layer, a, b: a + 1 < layer < b - 1),
        "You take activation start + 1 for the one that waits. It is sizes[start].": (
            later_start(lambda layer, a, b: a < layer < b),
            later_start(lambda layer, a, b: a + 1 < layer < b),
        ),
        "Activation start waits in your result at the last spanned layer alone. It waits at each layer from start + 1 on.": rule(
            waits=lambda layer, a, b: layer == b - 1 != a
        ),
        "Activation start waits in your result at one layer alone, the one after its own. It waits until activation end is "
        "made.": rule(waits=lambda layer, a, b: layer == a + 1 < b),
        "Activation start waits in your result from its own layer on, where it is the input, and not at the last one.": rule(
            waits=lambda layer, a, b: a <= layer < b - 1
        ),
        "Activation start is there from the beginning in your result, also at its own layer. It exists from its making on, and "
        "counts once.": rule(waits=lambda layer, a, b: layer < b),
        "You keep all activations between start and end. Only activation start waits: the others are freed after their use.": (
            all_since,
            all_at_the_end,
        ),
        "With a shortcut you look only at the layers that it spans. The peak may be elsewhere.": only_spanned,
        "You add sizes[start] to the activations between, which count at two layers each: so it counts twice. Add it to the sum "
        "of a layer.": (in_the_sizes(0), in_the_sizes(1)),
        "You add sizes[start] at the addition alone. It waits at each layer between start and end.": (
            at_the_addition(0),
            at_the_addition(0, -1),
        ),
        "You return the place of the peak. Return its bytes.": (
            place_of_the_peak,
            lambda sizes, skip=None: place_of_the_peak(sizes),
        ),
        "You multiply input and output. Both are in memory: add them.": (
            rule(pair=lambda s, i: s[i] * s[i + 1]),
            rule(pair=lambda s, i: s[i] * s[i + 1], waits=lambda *_: False),
        ),
        "You take twice the largest activation. Its neighbours may be smaller: add input and output of each layer.": (
            lambda s, k=None: 2 * max(s),
            lambda s, k=None: rule()(s, k) if k else 2 * max(s),
        ),
        "You add the place start, a number of an activation. What waits are its bytes, sizes[start].": lambda sizes, skip=None: (
            max(
                sizes[i] + sizes[i + 1] + (skip[0] if skip and skip[0] < i < skip[1] else 0)
                for i in range(len(sizes) - 1)
            )
        ),
        "You take activation start - 1 for the one that waits. It is sizes[start].": lambda sizes, skip=None: max(
            sizes[i] + sizes[i + 1] + (sizes[skip[0] - 1] if skip and skip[0] < i < skip[1] else 0)
            for i in range(len(sizes) - 1)
        ),
        "You count sizes[start] twice while it waits. It is there once.": (
            lambda sizes, skip=None: max(
                sizes[i] + sizes[i + 1] + (2 * sizes[skip[0]] if skip and skip[0] < i < skip[1] else 0)
                for i in range(len(sizes) - 1)
            )
        ),
        "Activation start waits in your result while the layer runs that comes after its addition. Then it is freed.": rule(
            waits=lambda layer, a, b: layer == b
        ),
        "Activation start waits in your result while its own layer runs, of which it is the input. It waits at the layers after "
        "that one, up to end - 1.": rule(waits=lambda layer, a, b: layer == a),
        "You add sizes[start] to the peak of the chain. It waits only at some layers; the peak may be at another one.": (
            lambda sizes, skip=None: rule()(sizes) + (sizes[skip[0]] if skip and skip[1] - skip[0] > 1 else 0)
        ),
        "You take the largest pair that the shortcut spans, and add sizes[start] also where it is the input itself. Other layers "
        "may be the peak.": lambda sizes, skip=None: (
            rule(layers=lambda n: range(*skip), waits=lambda *_: True)(sizes, skip) if skip else rule()(sizes)
        ),
        "With a shortcut you add up what it spans. One layer runs at a time, and only activation start waits.": (
            lambda sizes, skip=None: sum(sizes[skip[0] : skip[1] + 1]) if skip else rule()(sizes)
        ),
        "You keep the activations between in place of start. It is sizes[start] that waits; they are freed after their use.": (
            lambda sizes, skip=None: max(
                sizes[i] + sizes[i + 1] + (sum(sizes[skip[0] + 1 : i]) if skip and skip[0] < i < skip[1] else 0)
                for i in range(len(sizes) - 1)
            )
        ),
        "You subtract. What is alive at once adds up.": (
            rule(pair=lambda s, i: abs(s[i] - s[i + 1])),
            rule(pair=lambda s, i: abs(s[i] - s[i + 1]), waits=lambda *_: False),
            lambda sizes, skip=None: max(
                sizes[i] + sizes[i + 1] - (sizes[skip[0]] if skip and skip[0] < i < skip[1] else 0)
                for i in range(len(sizes) - 1)
            ),
        ),
        "You start at place -1, which is the last item in Python: the last activation and the first are no neighbours.": (
            lambda sizes, skip=None: max(
                sizes[i - 1] + sizes[i] + (sizes[skip[0]] if skip and skip[0] < i < skip[1] else 0)
                for i in range(len(sizes))
            ),
            lambda sizes, skip=None: max(
                sizes[i - 1] + sizes[i] + (sizes[skip[0]] if skip and skip[0] < i - 1 < skip[1] else 0)
                for i in range(len(sizes))
            ),
        ),
        "You add the first activation and the last. Those of a layer in the middle may be larger.": lambda s, k=None: (
            s[0] + s[-1]
        ),
        "You look at every second layer. Each activation is output of one layer and input of the next: look at all pairs.": rule(
            layers=lambda n: range(0, n, 2), waits=lambda *_: False
        ),
        "You forget the shortcut, and take the largest activation alone.": rule(pair=lambda s, i: s[i + 1], **never),
        "You add sizes[start] in all layers, or to the peak of the chain. It waits only between start and end; the peak may be elsewhere.": largest_of_chain_and_skip,
        "You count activation start twice where it is the input of its own layer.": rule(
            waits=lambda layer, a, b: a <= layer < b
        ),
        "Your activation start is freed one layer too early. It is still needed while the layer runs that makes activation end.": rule(
            waits=lambda layer, a, b: a < layer < b - 1
        ),
        "Your activation start lives one layer too long. After activation end is made it is added, and freed.": rule(
            waits=lambda layer, a, b: a < layer <= b
        ),
        "Your activation start is never freed. After its addition it is no longer needed.": rule(
            waits=lambda layer, a, b: layer > a
        ),
        "Your activation start is there from the beginning. It exists from its making on.": rule(
            waits=lambda layer, a, b: layer < b and layer != a
        ),
        "Your activation start is counted in its own layer too, and for one layer too long.": rule(
            waits=lambda layer, a, b: a <= layer <= b
        ),
        "You leave out the last layer.": (
            rule(layers=lambda n: range(n - 1)),
            rule(layers=lambda n: range(n - 1) if n > 1 else range(n)),
        ),
        "You leave out the first layer: its input, too, is in memory.": rule(layers=lambda n: range(1, n)),
        "You keep three activations of the chain at once. The input of a layer is freed before the next one runs.": (
            rule(pair=three),
            windows,
        ),
        "You add the two largest activations. They are alive together only if they are neighbours.": (
            largest_two,
            largest_two_and_skip,
        ),
        "You look beside the largest activation only. The largest pair may be elsewhere, and the shortcut counts.": around_largest,
        "You take the smallest. The memory must hold the largest.": rule(of=min),
        "You take the mean over the layers. The memory must hold the largest.": rule(of=lambda v: sum(v) / len(v)),
        "You look at the first layer only.": rule(layers=lambda n: range(1)),
        "You look at the last layer only.": rule(layers=lambda n: range(n - 1, n)),
        "You give the sum a place of its own. By the card it is written over activation end.": added_output,
        "You give the sum a place of its own, while the layer's input is still there. By the card it is written over activation end.": (
            added_output_beside_input,
            lambda sizes, skip=None: max(
                rule()(sizes, skip),
                sum(sizes[at] for at in {skip[0], skip[1] - 1, skip[1]}) + sizes[skip[1]] if skip else 0,
            ),
        ),
    }
    compare(
        answer,
        right=rule(),
        wrong=wrong,
        rtol=0.0,
        names=("sizes", "skip"),
        edges=[
            ([3, 9, 2, 8],),
            ([9, 1, 7, 1],),
            ([4, 4, 4], (0, 2)),
            ([2, 5, 1, 5, 9], (1, 3)),
            ([1, 6, 2, 6, 6, 1], (1, 4)),
            ([6, 6], (0, 1)),
            ([7, 2, 2, 2, 9, 8], (1, 3)),
            ([0, 0],),
        ],
        inputs=_chains(),
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
