"""the lesson `audit`: plausible wrong answers and odd but right ones, as a learner would write them."""

import numpy as np
import torch

from course_utils.measure import int8_audit


def _holds(module):
    return any(p.dim() > 1 for p in module.parameters(recurse=False)) or callable(getattr(module, "weight", None))


def _said(kinds):
    kinds = set(kinds) - {""}
    return "both" if len(kinds) == 2 else kinds.pop() if kinds else "unknown"


def _verdicts(model, called, kind_of, holds=_holds, said=_said, nothing="not run"):
    return {
        name: said([kind_of(op) for op in called[name]]) if name in called else nothing
        for name, module in model.named_modules()
        if holds(module)
    }


def what_was_called(model, called, kind_of):
    return {name: _said(kind_of(op) for op in ops) for name, ops in called.items()}


def not_run_is_float(model, called, kind_of):
    return _verdicts(model, called, kind_of, nothing="float")


def unknown_is_float(model, called, kind_of):
    return _verdicts(model, called, kind_of, said=lambda kinds: _said(kinds) if any(kinds) else "float")


def no_known_product_is_not_run(model, called, kind_of):
    return _verdicts(model, called, kind_of, said=lambda kinds: _said(kinds) if any(kinds) else "not run")


def parameters_alone(model, called, kind_of):
    return _verdicts(
        model, called, kind_of, holds=lambda module: any(p.dim() > 1 for p in module.parameters(recurse=False))
    )


def children_count_for_the_parent(model, called, kind_of):
    return _verdicts(
        model,
        called,
        kind_of,
        holds=lambda module: any(p.dim() > 1 for p in module.parameters()) or callable(getattr(module, "weight", None)),
    )


def norms_too(model, called, kind_of):
    return _verdicts(
        model,
        called,
        kind_of,
        holds=lambda module: bool(list(module.parameters(recurse=False))) or callable(getattr(module, "weight", None)),
    )


def trained_weights_alone(model, called, kind_of):
    def holds(module):
        trained = any(p.requires_grad and p.dim() >= 2 for p in module.parameters(recurse=False))
        return trained or callable(getattr(module, "weight", None))

    return _verdicts(model, called, kind_of, holds=holds)


def buffers_too(model, called, kind_of):
    def holds(module):
        return _holds(module) or any(b.dim() >= 2 for b in module.buffers(recurse=False))

    return _verdicts(model, called, kind_of, holds=holds)


def from_the_parameters_of_the_model(model, called, kind_of):
    own = {name.rpartition(".")[0] for name, p in model.named_parameters() if p.dim() >= 2}
    return {
        name: said
        for name, said in _verdicts(model, called, kind_of).items()
        if name in own or callable(getattr(model.get_submodule(name), "weight", None))
    }


def two_dimensions_exactly(model, called, kind_of):
    def holds(module):
        matrix = any(p.dim() == 2 for p in module.parameters(recurse=False))
        return matrix or callable(getattr(module, "weight", None))

    return _verdicts(model, called, kind_of, holds=holds)


def leaves_alone(model, called, kind_of):
    return _verdicts(model, called, kind_of, holds=lambda module: _holds(module) and not list(module.children()))


def every_module(model, called, kind_of):
    return _verdicts(model, called, kind_of, holds=lambda module: True)


def the_first_operator(model, called, kind_of):
    return _verdicts(model, called, kind_of, said=lambda kinds: kinds[0] or "unknown")


def the_first_product(model, called, kind_of):
    return _verdicts(model, called, kind_of, said=lambda kinds: ([k for k in kinds if k] or ["unknown"])[0])


def the_empty_text_is_a_kind(model, called, kind_of):
    return _verdicts(
        model, called, kind_of, said=lambda kinds: "both" if len(set(kinds)) > 1 else (kinds[0] or "unknown")
    )


def int8_wins(model, called, kind_of):
    return _verdicts(model, called, kind_of, said=lambda kinds: "int8" if "int8" in kinds else _said(kinds))


def not_the_model_itself(model, called, kind_of):
    found = _verdicts(model, called, kind_of)
    return found if isinstance(model, torch.nn.Linear) else {name: said for name, said in found.items() if name}


def nothing_unknown(model, called, kind_of):
    return {name: said for name, said in _verdicts(model, called, kind_of).items() if said != "unknown"}


def by_counting(model, called, kind_of):
    found = {}
    for name, module in model.named_modules():
        own = [p for at, p in module.named_parameters() if "." not in at and p.ndim >= 2]
        if not own and not hasattr(getattr(module, "weight", 0), "__func__"):
            continue
        kinds = [kind_of(op) for op in called.get(name, ())]
        n_float, n_int8 = kinds.count("float"), kinds.count("int8")
        if n_float and n_int8:
            found[name] = "both"
        elif n_float or n_int8:
            found[name] = "float" if n_float else "int8"
        else:
            found[name] = "unknown" if kinds else "not run"
    return found


def by_a_table_of_bits(model, called, kind_of):
    words = ("unknown", "float", "int8", "both")
    found = {name: "not run" for name, module in model.named_modules() if _holds(module)}
    for name in found.keys() & called.keys():
        kinds = list(map(kind_of, called[name]))
        found[name] = words[("float" in kinds) + 2 * ("int8" in kinds)]
    return found


def names_of_classes(model, quantize):
    return "DynamicQuantized" not in repr(quantize(model))


def direct_children(model, quantize):
    packages = [type(child).__module__ for child in quantize(model).children()]
    return not any(package.startswith("torch.ao.nn.quantized") for package in packages)


def the_word_quantized(model, quantize):
    return "quantiz" not in repr(quantize(model)).lower()


def types_of_parameters(model, quantize):
    after = quantize(model)
    return all(parameter.dtype != torch.int8 for parameter in after.parameters())


def anything_still_float(model, quantize):
    rows = int8_audit.audit(quantize(model)).rows
    return not all(row.weight_bits == 8 for row in rows)


def no_int8_arithmetic(model, quantize):
    return int8_audit.audit(quantize(model)).count("int8") == 0


def linear_layers_of_the_audit(model, quantize):
    return all(row.weight_bits != 8 for row in int8_audit.audit(quantize(model)).rows if "Linear" in row.kind)


def before_and_after(model, quantize):
    return repr(model) == repr(quantize(model))


def weights_of_torchao(model, quantize):
    return not any(type(weight).__module__.startswith("torchao") for weight in quantize(model).parameters())


def through_the_modules(model, quantize):
    for module in quantize(model).modules():
        if type(module).__module__.startswith("torch.ao.nn.quantized.dynamic"):
            return False
        if "torchao" in type(getattr(module, "weight", None)).__module__:
            return False
    return True


def by_the_set_of_widths(model, quantize):
    return 8 not in {row.weight_bits for row in int8_audit.audit(quantize(model)).rows}


def _in_turns(ms, seeds=range(10), ways=("fp32", "fp32 loop", "int8")):
    times = {way: [] for way in ways}
    for seed in seeds:
        for way in ways:
            times[way].append(ms(way, seed=seed))
    return times


def _one_after_the_other(ms, ways):
    return {way: [ms(way, seed=seed) for seed in range(10)] for way in ways}


def _concludes(fp32, loop, int8, *, limit=1.1, low=0.25, high=0.75):
    if int8 <= limit * fp32:
        return "not slower"
    share = (loop - fp32) / (int8 - fp32)
    return "routine" if share > high else "product" if share < low else "both"


def slower_must_be_the_routine(ms):
    least = {way: min(times) for way, times in _in_turns(ms).items()}
    return "routine" if least["int8"] > 1.1 * least["fp32"] else "not slower"


def slower_must_be_the_product(ms):
    least = {way: min(times) for way, times in _in_turns(ms).items()}
    return "product" if least["int8"] > 1.1 * least["fp32"] else "not slower"


def without_the_control(ms):
    least = {way: min(times) for way, times in _in_turns(ms, ways=("fp32", "int8")).items()}
    return "routine" if least["int8"] > 1.1 * least["fp32"] else "not slower"


def never_asks_whether_it_is_slower(ms):
    fp32, loop, int8 = (min(times) for times in _in_turns(ms).values())
    share = (loop - fp32) / (int8 - fp32)
    return "routine" if share > 0.75 else "product" if share < 0.25 else "both"


def shares_without_signs(ms):
    fp32, loop, int8 = (min(times) for times in _in_turns(ms).values())
    if int8 <= 1.1 * fp32:
        return "not slower"
    share = abs(loop - fp32) / (abs(loop - fp32) + abs(int8 - loop))
    return "routine" if share > 0.75 else "product" if share < 0.25 else "both"


def the_share_without_its_sign(ms):
    fp32, loop, int8 = (min(times) for times in _in_turns(ms).values())
    if int8 <= 1.1 * fp32:
        return "not slower"
    share = abs(loop - fp32) / (int8 - fp32)
    return "routine" if share > 0.75 else "product" if share < 0.25 else "both"


def product_below_a_fifth(ms):
    return _concludes(*map(min, _in_turns(ms).values()), low=0.2)


def the_larger_part(ms):
    fp32, loop, int8 = (min(times) for times in _in_turns(ms).values())
    if int8 <= 1.1 * fp32:
        return "not slower"
    return "routine" if loop - fp32 > int8 - loop else "product"


def the_larger_part_from_six_tenths(ms):
    fp32, loop, int8 = (min(times) for times in _in_turns(ms).values())
    return _concludes(fp32, loop, int8, low=0.4, high=0.8)


def a_fifth_longer_is_slower(ms):
    return _concludes(*(min(times) for times in _in_turns(ms).values()), limit=1.2)


def a_seventh_longer_is_slower(ms):
    return _concludes(*map(min, _in_turns(ms).values()), limit=1.15)


def routine_above_eight_tenths(ms):
    return _concludes(*map(min, _in_turns(ms).values()), high=0.8)


def routine_above_seven_tenths(ms):
    return _concludes(*map(min, _in_turns(ms).values()), high=0.71)


def product_below_three_tenths(ms):
    return _concludes(*map(min, _in_turns(ms).values()), low=0.29)


def second_least_of_the_times(ms):
    return _concludes(*(sorted(times)[1] for times in _in_turns(ms).values()))


def mean_of_the_times(ms):
    return _concludes(*(np.mean(times) for times in _in_turns(ms).values()))


def median_of_the_times(ms):
    return _concludes(*(np.median(times) for times in _in_turns(ms).values()))


def first_of_the_times(ms):
    return _concludes(*(times[0] for times in _in_turns(ms).values()))


def all_of_fp32_first(ms):
    times = _one_after_the_other(ms, ("fp32", "fp32 loop", "int8"))
    return _concludes(*(min(times[way]) for way in ("fp32", "fp32 loop", "int8")))


def all_of_int8_first(ms):
    times = _one_after_the_other(ms, ("int8", "fp32 loop", "fp32"))
    return _concludes(*(min(times[way]) for way in ("fp32", "fp32 loop", "int8")))


def all_of_the_loop_first(ms):
    times = _one_after_the_other(ms, ("fp32 loop", "int8", "fp32"))
    return _concludes(*(min(times[way]) for way in ("fp32", "fp32 loop", "int8")))


def five_turns(ms):
    return _concludes(*(min(times) for times in _in_turns(ms, range(5)).values()))


def the_loop_beside_int8_alone(ms):
    fp32, loop, int8 = (min(times) for times in _in_turns(ms).values())
    if int8 <= 1.1 * fp32:
        return "not slower"
    return "product" if int8 > 1.1 * loop else "routine"


def a_tenth_of_a_millisecond_longer(ms):
    fp32, loop, int8 = (min(times) for times in _in_turns(ms).values())
    return "not slower" if int8 <= fp32 + 0.1 else _concludes(fp32, loop, int8, limit=0)


def a_millisecond_longer(ms):
    fp32, loop, int8 = (min(times) for times in _in_turns(ms).values())
    return "not slower" if int8 < fp32 + 1 else _concludes(fp32, loop, int8, limit=0)


def nine_tenths_of_int8(ms):
    return _concludes(*map(min, _in_turns(ms).values()), limit=1 / 0.9)


def without_the_first_time(ms):
    return _concludes(*(min(times[1:]) for times in _in_turns(ms).values()))


def one_part_by_the_other(ms):
    fp32, loop, int8 = (min(times) for times in _in_turns(ms).values())
    if int8 <= 1.1 * fp32:
        return "not slower"
    quotient = (loop - fp32) / (int8 - loop)
    return "routine" if quotient > 0.75 else "product" if quotient < 0.25 else "both"


def divided_by_fp32(ms):
    fp32, loop, int8 = (min(times) for times in _in_turns(ms).values())
    if int8 <= 1.1 * fp32:
        return "not slower"
    share = (loop - fp32) / fp32
    return "routine" if share > 0.75 else "product" if share < 0.25 else "both"


def third_least_of_the_times(ms):
    return _concludes(*(sorted(times)[2] for times in _in_turns(ms).values()))


def says_the_share(ms):
    fp32, loop, int8 = (min(times) for times in _in_turns(ms).values())
    return (loop - fp32) / (int8 - fp32)


def always_both(ms):
    _in_turns(ms)
    return "both"


def other_turns_and_more_of_them(ms):
    times = _in_turns(ms, range(100, 140), ("int8", "fp32", "fp32 loop"))
    fp32, loop, int8 = (min(times[way]) for way in ("fp32", "fp32 loop", "int8"))
    if int8 > 1.1 * fp32:
        product = (int8 - loop) / (int8 - fp32)
        return "both" if 0.25 <= product <= 0.75 else "product" if product > 0.75 else "routine"
    return "not slower"


def why_in_numpy(ms):
    ways = ["fp32 loop", "int8", "fp32"]
    loop, int8, fp32 = np.array([[ms(way, seed=seed) for way in ways] for seed in range(12)]).min(0)
    share = (loop - fp32) / (int8 - fp32)
    return "not slower" if int8 / fp32 <= 1.1 else ("product", "both", "routine")[np.digitize(share, [0.25, 0.75])]


WRONG = {
    "why_slower": [
        slower_must_be_the_routine,
        slower_must_be_the_product,
        without_the_control,
        never_asks_whether_it_is_slower,
        shares_without_signs,
        the_share_without_its_sign,
        product_below_a_fifth,
        the_larger_part,
        the_larger_part_from_six_tenths,
        a_fifth_longer_is_slower,
        a_seventh_longer_is_slower,
        routine_above_eight_tenths,
        routine_above_seven_tenths,
        product_below_three_tenths,
        second_least_of_the_times,
        mean_of_the_times,
        median_of_the_times,
        first_of_the_times,
        all_of_fp32_first,
        all_of_int8_first,
        all_of_the_loop_first,
        five_turns,
        the_loop_beside_int8_alone,
        a_tenth_of_a_millisecond_longer,
        a_millisecond_longer,
        nine_tenths_of_int8,
        without_the_first_time,
        one_part_by_the_other,
        divided_by_fp32,
        third_least_of_the_times,
        says_the_share,
        always_both,
    ],
    "verdicts": [
        what_was_called,
        not_run_is_float,
        unknown_is_float,
        no_known_product_is_not_run,
        parameters_alone,
        children_count_for_the_parent,
        norms_too,
        trained_weights_alone,
        two_dimensions_exactly,
        buffers_too,
        from_the_parameters_of_the_model,
        leaves_alone,
        every_module,
        the_first_operator,
        the_first_product,
        the_empty_text_is_a_kind,
        int8_wins,
        not_the_model_itself,
        nothing_unknown,
    ],
    "did_nothing": [
        names_of_classes,
        direct_children,
        the_word_quantized,
        types_of_parameters,
        anything_still_float,
        no_int8_arithmetic,
        before_and_after,
        linear_layers_of_the_audit,
        weights_of_torchao,
    ],
}
ODD = {
    "why_slower": [other_turns_and_more_of_them, why_in_numpy],
    "verdicts": [by_counting, by_a_table_of_bits],
    "did_nothing": [through_the_modules, by_the_set_of_widths],
}
# Mutants of the solutions that are as right as the solution: what was changed -> why.
EQUIVALENT = {
    "why_slower": {
        "for seed in range(10):: 10 -> 11": "the card asks for ten seeds or more",
        "if int8 <= 1.1 * fp32:: int8 <= 1.1 * fp32: LtE -> Lt": "no machine has exactly 1.1 times",
        "least[way] = min(least[way], ms(way, seed=seed)): min(least[way], ms(way, seed=seed)): arguments swapped": (
            "the lesser of two is the same in either order"
        ),
        "return 'routine' if routine > 0.75 else 'product' if routine < 0.25 else 'both': routine < 0.25: Lt -> LtE": (
            "no machine has a share of exactly 0.25"
        ),
        "return 'routine' if routine > 0.75 else 'product' if routine < 0.25 else 'both': routine > 0.75: Gt -> GtE": (
            "no machine has a share of exactly 0.75"
        ),
    },
}
