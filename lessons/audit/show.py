"""What the lesson audit draws, times and counts."""

import time

from course_utils import plots, runtime, timing
from course_utils.audit import audit
from course_utils.sizes import size_report
from lessons.audit.experiment import Counted

LINEAR, ATTENTION, REST = "linear layers", "attention", "the rest"
LOOKS = {
    (LINEAR, "fp32"): ("linear layers, float", "yellow"),
    (LINEAR, "int8"): ("linear layers, int8", "blue"),
    ATTENTION: ("inside the attention, float", "orange"),
    REST: ("norms, GELU, additions: float", "grey"),
}


def _seconds_of(block, x):
    """Seconds of one run by modules: the block itself is "", a linear layer has its name."""
    begun, spent, hooks = {}, {}, []
    for name, module in block.named_modules():
        if name in ("", "self_attention") or type(module).__name__ == "Linear":

            def begin(*_, name=name):
                begun[name] = time.perf_counter()

            def end(*_, name=name):
                spent[name] = time.perf_counter() - begun[name]

            hooks += [module.register_forward_pre_hook(begin), module.register_forward_hook(end)]
    block(x)
    for hook in hooks:
        hook.remove()
    return spent


def _parts(spent):
    inside = sum(seconds for name, seconds in spent.items() if name.startswith("self_attention."))
    linear = sum(seconds for name, seconds in spent.items() if name not in ("", "self_attention"))
    attention = spent["self_attention"] - inside
    return {LINEAR: linear, ATTENTION: attention, REST: spent[""] - linear - attention}


def parts(fp32, int8, inputs, rounds=6):
    """Draw the time of a block by parts, in float and in int8; print the limit of the gain, and the gain.

    Args:
        fp32, int8: the block, whose attention is called `self_attention`.
        inputs: name -> float (pictures, patches, features).
        rounds: in each, all four take their turn; the shortest time of each part is drawn.
    Returns:
        dict of (name, "fp32" or "int8") -> part -> milliseconds.
    """
    runs = {(name, kind): [] for name in inputs for kind in ("fp32", "int8")}
    for _ in range(2 if runtime.quick() else rounds + 1):
        for name, kind in runs:
            runs[name, kind].append(_parts(_seconds_of({"fp32": fp32, "int8": int8}[kind], inputs[name])))
    spent = {  # without the first round, which warms up
        key: {part: 1000 * min(run[part] for run in own[1:]) for part in own[0]} for key, own in runs.items()
    }
    fig, ax = plots.figure(size=(11, 4.4))
    told, named = [], set()
    for row, ((name, kind), times) in enumerate(spent.items()):
        start, at = 0.0, row + row // 2 * 0.4
        for part, ms in times.items():
            words, colour = LOOKS[part, kind] if part == LINEAR else LOOKS[part]
            label = None if words in named else words
            named.add(words)
            ax.barh(at, ms, left=start, color=plots.COLOURS[colour], label=label)
            start += ms
        told.append(f"{name}, {kind}: " + ", ".join(f"{part} {ms:.0f}" for part, ms in times.items()))
    ax.set_yticks([0, 1, 2.4, 3.4], [f"{name}, {kind}" for name, kind in spent])
    ax.invert_yaxis()
    ax.set(xlabel="milliseconds")
    ax.legend(loc="lower center", bbox_to_anchor=(0.35, 1), ncols=2, frameon=False)
    ax.grid(False)
    plots.show(
        fig,
        alt=f"Four bars, the time of a block by parts, in milliseconds. {'; '.join(told)}.",
        caption="One block, one thread. The shortest of several times; all four took turns.",
    )
    for name in inputs:
        gain = sum(spent[name, "fp32"].values()) / sum(spent[name, "int8"].values())
        print(f"{name:17}  limit {limit(spent, name):4.1f}, measured {gain:.1f} times as fast")
    return spent


def float_part(spent, kind, name="1 large picture"):
    """Milliseconds of what stays float."""
    return spent[name, kind][ATTENTION] + spent[name, kind][REST]


def limit(spent, name):
    """The whole time over that of the float part, in the float model."""
    return sum(spent[name, "fp32"].values()) / float_part(spent, "fp32", name)


def int8_layers(model, x):
    """How many layers ran in int8."""
    return audit(model, x).count("int8")


def times_smaller(before, after):
    """The bytes of one model's file over those of another's."""
    return size_report(before).file_bytes / size_report(after).file_bytes


def race(fp32, to_int8, x):
    """Print how many times as fast the int8 copy of a colleague's block is."""
    int8 = to_int8(fp32, Counted)
    ways = timing.compare({"fp32": lambda: fp32(x), "int8": lambda: int8(x)}, rounds=5, device="cpu")
    print(f"{ways.ratio('int8'):.1f} times as fast")
