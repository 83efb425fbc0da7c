"""the lesson `amp`: plausible wrong answers and odd but right ones, as a learner would write them."""

import math
from statistics import median

import numpy as np
import torch
from torch.nn import functional as F


def clips_before_unscale(model, optimizer, scaler, x, y, max_norm):
    with torch.autocast(x.device.type):
        loss = F.mse_loss(model(x), y)
    scaler.scale(loss).backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), max_norm)
    scaler.step(optimizer)
    scaler.update()
    optimizer.zero_grad()
    return loss.item()


def no_update(model, optimizer, scaler, x, y, max_norm):
    optimizer.zero_grad()
    with torch.autocast(x.device.type):
        loss = F.mse_loss(model(x), y)
    scaler.scale(loss).backward()
    scaler.unscale_(optimizer)
    torch.nn.utils.clip_grad_norm_(model.parameters(), max_norm)
    scaler.step(optimizer)
    return loss.item()


def backward_inside(model, optimizer, scaler, x, y, max_norm):
    with torch.autocast(x.device.type):
        loss = F.mse_loss(model(x), y)
        scaler.scale(loss).backward()
        scaler.unscale_(optimizer)
        torch.nn.utils.clip_grad_norm_(model.parameters(), max_norm)
        scaler.step(optimizer)
        scaler.update()
    optimizer.zero_grad()
    return loss.item()


def loss_outside(model, optimizer, scaler, x, y, max_norm):
    with torch.autocast(x.device.type):
        output = model(x)
    loss = F.mse_loss(output, y)
    scaler.scale(loss).backward()
    scaler.unscale_(optimizer)
    torch.nn.utils.clip_grad_norm_(model.parameters(), max_norm)
    scaler.step(optimizer)
    scaler.update()
    optimizer.zero_grad()
    return loss.item()


def limits_scaled_gradients_by_less(model, optimizer, scaler, x, y, max_norm):
    with torch.autocast(x.device.type):
        loss = F.mse_loss(model(x), y)
    scaler.scale(loss).backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), max_norm / scaler.get_scale())
    scaler.step(optimizer)
    scaler.update()
    optimizer.zero_grad()
    return loss.item()


def target_in_16_bits(model, optimizer, scaler, x, y, max_norm):
    with torch.autocast(x.device.type):
        loss = F.mse_loss(model(x), y.bfloat16())
    scaler.scale(loss).backward()
    scaler.unscale_(optimizer)
    torch.nn.utils.clip_grad_norm_(model.parameters(), max_norm)
    scaler.step(optimizer)
    scaler.update()
    optimizer.zero_grad()
    return loss.item()


def plain_optimizer_step(model, optimizer, scaler, x, y, max_norm):
    with torch.autocast(x.device.type):
        loss = F.mse_loss(model(x), y)
    scaler.scale(loss).backward()
    scaler.unscale_(optimizer)
    torch.nn.utils.clip_grad_norm_(model.parameters(), max_norm)
    optimizer.step()
    scaler.update()
    optimizer.zero_grad()
    return loss.item()


def never_zeroes(model, optimizer, scaler, x, y, max_norm):
    with torch.autocast(x.device.type):
        loss = F.mse_loss(model(x), y)
    scaler.scale(loss).backward()
    scaler.unscale_(optimizer)
    torch.nn.utils.clip_grad_norm_(model.parameters(), max_norm)
    scaler.step(optimizer)
    scaler.update()
    return loss.item()


def forgets_to_scale(model, optimizer, scaler, x, y, max_norm):
    scaler.scale(torch.zeros(()))
    with torch.autocast(x.device.type):
        loss = F.mse_loss(model(x), y)
    loss.backward()
    scaler.unscale_(optimizer)
    torch.nn.utils.clip_grad_norm_(model.parameters(), max_norm)
    scaler.step(optimizer)
    scaler.update()
    optimizer.zero_grad()
    return loss.item()


def returns_scaled_loss(model, optimizer, scaler, x, y, max_norm):
    with torch.autocast(x.device.type):
        loss = scaler.scale(F.mse_loss(model(x), y))
    loss.backward()
    scaler.unscale_(optimizer)
    torch.nn.utils.clip_grad_norm_(model.parameters(), max_norm)
    scaler.step(optimizer)
    scaler.update()
    optimizer.zero_grad()
    return loss.item()


def returns_a_tensor(model, optimizer, scaler, x, y, max_norm):
    optimizer.zero_grad()
    with torch.autocast(x.device.type):
        loss = F.mse_loss(model(x), y)
    scaler.scale(loss).backward()
    scaler.unscale_(optimizer)
    torch.nn.utils.clip_grad_norm_(model.parameters(), max_norm)
    scaler.step(optimizer)
    scaler.update()
    return loss


def _recipe(clip, model, optimizer, scaler, x, y):
    with torch.autocast(x.device.type):
        loss = F.mse_loss(model(x), y)
    scaler.scale(loss).backward()
    scaler.unscale_(optimizer)
    clip(list(model.parameters()))
    scaler.step(optimizer)
    scaler.update()
    optimizer.zero_grad()
    return loss.item()


def no_clipping(model, optimizer, scaler, x, y, max_norm):
    return _recipe(lambda parameters: None, model, optimizer, scaler, x, y)


def clips_numbers(model, optimizer, scaler, x, y, max_norm):
    return _recipe(lambda p: torch.nn.utils.clip_grad_value_(p, max_norm), model, optimizer, scaler, x, y)


def clips_each_parameter(model, optimizer, scaler, x, y, max_norm):
    def clip(parameters):
        for parameter in parameters:
            torch.nn.utils.clip_grad_norm_(parameter, max_norm)

    return _recipe(clip, model, optimizer, scaler, x, y)


def clips_the_first_group(model, optimizer, scaler, x, y, max_norm):
    with torch.autocast(x.device.type):
        loss = F.mse_loss(model(x), y)
    scaler.scale(loss).backward()
    scaler.unscale_(optimizer)
    torch.nn.utils.clip_grad_norm_(optimizer.param_groups[0]["params"], max_norm)
    scaler.step(optimizer)
    scaler.update()
    optimizer.zero_grad()
    return loss.item()


def adds_the_squares(model, optimizer, scaler, x, y, max_norm):
    with torch.autocast(x.device.type):
        loss = F.mse_loss(model(x), y, reduction="sum")
    scaler.scale(loss).backward()
    scaler.unscale_(optimizer)
    torch.nn.utils.clip_grad_norm_(model.parameters(), max_norm)
    scaler.step(optimizer)
    scaler.update()
    optimizer.zero_grad()
    return loss.item()


def forgets_the_step(model, optimizer, scaler, x, y, max_norm):
    with torch.autocast(x.device.type):
        loss = F.mse_loss(model(x), y)
    scaler.scale(loss).backward()
    scaler.unscale_(optimizer)
    torch.nn.utils.clip_grad_norm_(model.parameters(), max_norm)
    scaler.update()
    optimizer.zero_grad()
    return loss.item()


def steps_twice(model, optimizer, scaler, x, y, max_norm):
    def clip(parameters):
        torch.nn.utils.clip_grad_norm_(parameters, max_norm)
        if all(p.grad.isfinite().all() for p in parameters):
            optimizer.step()

    return _recipe(clip, model, optimizer, scaler, x, y)


def clips_by_hand(model, optimizer, scaler, x, y, max_norm):
    with torch.amp.autocast("cpu", dtype=torch.bfloat16):
        output = model(x)
    loss = ((output.float() - y) ** 2).mean()
    scaler.scale(loss).backward()
    scaler.unscale_(optimizer)
    grads = [p.grad for p in model.parameters()]
    norm = math.sqrt(sum(g.double().square().sum().item() for g in grads))
    for g in grads:
        g.mul_(min(1.0, max_norm / (norm + 1e-6)))
    scaler.step(optimizer)
    scaler.update()
    for p in model.parameters():
        p.grad = None
    return float(loss.detach())


def zeroes_first(model, optimizer, scaler, x, y, max_norm):
    optimizer.zero_grad(set_to_none=False)
    with torch.autocast(device_type=x.device.type):
        loss = torch.nn.MSELoss()(model(x), y)
    scaler.scale(loss).backward()
    scaler.unscale_(optimizer)
    params = [p for group in optimizer.param_groups for p in group["params"]]
    torch.nn.utils.clip_grad_norm_(params, max_norm=max_norm)
    scaler.step(optimizer)
    scaler.update()
    return np.float64(loss.item())


def steps_on_inf(scale, found_infs, growth_interval):
    scales, stepped, good = [], [], 0
    for inf in found_infs:
        if inf:
            scale, good = scale / 2, 0
        else:
            good += 1
            if good == growth_interval:
                scale, good = scale * 2, 0
        scales.append(scale)
        stepped.append(True)
    return scales, stepped


def never_grows(scale, found_infs, growth_interval):
    scales = []
    for inf in found_infs:
        if inf:
            scale = scale / 2
        scales.append(scale)
    return scales, [not inf for inf in found_infs]


def grows_every_step(scale, found_infs, growth_interval):
    scales = []
    for inf in found_infs:
        scale = scale * 0.5 if inf else scale * 2.0
        scales.append(scale)
    return scales, [not inf for inf in found_infs]


def keeps_counting(scale, found_infs, growth_interval):
    scales, good = [], 0
    for inf in found_infs:
        if inf:
            scale *= 0.5
        else:
            good += 1
            if good == growth_interval:
                scale *= 2
                good = 0
        scales.append(scale)
    return scales, [not inf for inf in found_infs]


def one_step_late(scale, found_infs, growth_interval):
    scales, good = [], 0
    for inf in found_infs:
        if inf:
            scale, good = scale * 0.5, 0
        else:
            good += 1
            if good > growth_interval:
                scale, good = scale * 2, 0
        scales.append(scale)
    return scales, [not inf for inf in found_infs]


def returns_the_infs(scale, found_infs, growth_interval):
    scales, good = [], 0
    for inf in found_infs:
        good = 0 if inf else good + 1
        scale = scale / 2 if inf else scale
        if good == growth_interval:
            scale, good = scale * 2, 0
        scales.append(scale)
    return scales, list(found_infs)


def doubles_ever_after(scale, found_infs, growth_interval):
    scales, good = [], 0
    for inf in found_infs:
        good = 0 if inf else good + 1
        if inf:
            scale *= 0.5
        elif good >= growth_interval:
            scale *= 2
        scales.append(scale)
    return scales, [not inf for inf in found_infs]


def counts_steps_since_the_start(scale, found_infs, growth_interval):
    scales = []
    for number, inf in enumerate(found_infs, start=1):
        if inf:
            scale /= 2
        elif number % growth_interval == 0:
            scale *= 2
        scales.append(scale)
    return scales, [not inf for inf in found_infs]


def scales_before_the_step(scale, found_infs, growth_interval):
    scales, good = [], 0
    for inf in found_infs:
        scales.append(scale)
        good = 0 if inf else good + 1
        if inf:
            scale /= 2
        elif good == growth_interval:
            scale, good = scale * 2, 0
    return scales, [not inf for inf in found_infs]


def lists_in_the_wrong_order(scale, found_infs, growth_interval):
    return with_exponents(scale, found_infs, growth_interval)[::-1]


def never_shrinks(scale, found_infs, growth_interval):
    scales, good = [], 0
    for inf in found_infs:
        good = 0 if inf else good + 1
        if good == growth_interval:
            scale, good = scale * 2, 0
        scales.append(scale)
    return scales, [not inf for inf in found_infs]


def with_the_real_scaler(scale, found_infs, growth_interval):
    weight = torch.nn.Parameter(torch.zeros(1))
    optimizer = torch.optim.SGD([weight], lr=1.0)
    scaler = torch.amp.GradScaler("cpu", init_scale=scale, growth_interval=growth_interval)
    scales, stepped = [], []
    for inf in found_infs:
        before = weight.item()
        scaler.scale(weight.sum() * (math.inf if inf else 1.0)).backward()
        scaler.step(optimizer)
        scaler.update()
        optimizer.zero_grad()
        scales.append(scaler.get_scale())
        stepped.append(weight.item() != before)
    return scales, stepped


def with_exponents(scale, found_infs, growth_interval):
    exponent, since, exponents = 0, 0, []
    for inf in found_infs:
        since += 1
        if inf:
            exponent, since = exponent - 1, 0
        elif since % growth_interval == 0:
            exponent += 1
        exponents.append(exponent)
    scales = scale * np.exp2(np.array(exponents, dtype=float))
    return list(scales), list(~np.array(found_infs, dtype=bool))


ARMS = ("as found", "no scaler", "no clipping", "no autocast")


def _learns(error, arms=ARMS, seeds=range(5), limit=50):
    return {arm: sum(error(arm, seed=n) for n in seeds) / len(seeds) < limit for arm in arms}


def _verdict(learns, both="order"):
    if learns.get("as found"):
        return "nothing"
    if learns["no scaler"] and learns["no clipping"]:
        return both
    for arm, name in (("no scaler", "scaler"), ("no clipping", "clipping"), ("no autocast", "precision")):
        if learns[arm]:
            return name
    return "elsewhere"


def blames_the_scaler_of_two(error):
    return _verdict(_learns(error), both="scaler")


def takes_a_scaler_for_the_order(error):
    learns = _learns(error)
    return "order" if learns["no scaler"] and not learns["as found"] else _verdict(learns)


def takes_clipping_for_the_order(error):
    learns = _learns(error)
    return "order" if learns["no clipping"] and not learns["as found"] else _verdict(learns)


def forgets_precision(error):
    found = _verdict(_learns(error))
    return "elsewhere" if found == "precision" else found


def takes_the_best_arm(error):
    means = {arm: sum(error(arm, seed=n) for n in range(5)) / 5 for arm in ARMS}
    learns = {arm: mean < 50 for arm, mean in means.items()}
    found = _verdict(learns)
    if found == "elsewhere":
        best = min(means, key=means.get)
        return {"no scaler": "scaler", "no clipping": "clipping", "no autocast": "precision", "as found": "nothing"}[
            best
        ]
    return found


def has_no_control(error):
    return _verdict(_learns(error, ARMS[1:]))


def looks_away_from_the_control(error):
    return _verdict({**_learns(error), "as found": False})


def takes_the_median(error):
    return _verdict({arm: median(error(arm, seed=n) for n in range(5)) < 50 for arm in ARMS})


def takes_the_worst(error):
    return _verdict({arm: max(error(arm, seed=n) for n in range(5)) < 50 for arm in ARMS})


def another_limit(error):
    return _verdict({arm: sum(error(arm, seed=n) for n in range(5)) / 5 < 60 for arm in ARMS})


def _by(pick, error):
    return _verdict({arm: pick(sorted(error(arm, seed=n) for n in range(5))) < 50 for arm in ARMS})


def just_above_the_limit(error):
    return _verdict(_learns(error, limit=51))


def just_below_the_limit(error):
    return _verdict(_learns(error, limit=49))


def without_the_worst(error):
    return _by(lambda errors: sum(errors[:-1]) / 4, error)


def takes_the_error_for_an_accuracy(error):
    return _verdict({arm: not learns for arm, learns in _learns(error).items()})


def asks_for_precision_first(error):
    learns = _learns(error)
    return "precision" if learns["no autocast"] and not learns["as found"] else _verdict(learns)


def one_network(error):
    return _verdict(_learns(error, seeds=range(1)))


def other_networks_for_each(error):
    return _verdict({arm: sum(error(arm, seed=10 * at + n) for n in range(5)) / 5 < 50 for at, arm in enumerate(ARMS)})


def more_runs_for_the_control(error):
    error("as found", seed=9)
    return _verdict(_learns(error))


def a_sentence(error):
    return "the order is wrong" if _verdict(_learns(error)) == "order" else _verdict(_learns(error))


def many_networks(error):
    return _verdict(_learns(error, seeds=range(40)))


def arms_in_turn(error):
    sums = dict.fromkeys(ARMS[::-1], 0.0)
    for n in range(7, 19):
        for arm in sums:
            sums[arm] += error(arm, seed=n) / 12
    return _verdict({arm: mean < 50 for arm, mean in sums.items()})


def _one_arm_by(pick, which):
    """One arm by another number than its mean."""

    def answer(error):
        runs = {arm: [error(arm, seed=n) for n in range(5)] for arm in ARMS}
        return _verdict({arm: (pick(own) if arm == which else sum(own) / 5) < 50 for arm, own in runs.items()})

    return answer


def without_the_last_network(error):
    runs = {arm: [error(arm, seed=n) for n in range(5)] for arm in ARMS}
    return _verdict({arm: sum(own[:4]) / 4 < 50 for arm, own in runs.items()})


def order_only_if_alike(error):
    means = {arm: sum(error(arm, seed=n) for n in range(5)) / 5 for arm in ARMS}
    found = _verdict({arm: mean < 50 for arm, mean in means.items()})
    if found == "order" and abs(means["no scaler"] - means["no clipping"]) > 5:
        return "scaler" if means["no scaler"] < means["no clipping"] else "clipping"
    return found


def a_part_that_costs_ten(error):
    means = {arm: sum(error(arm, seed=n) for n in range(5)) / 5 for arm in ARMS}
    sound = means["as found"] < 50 and min(means.values()) > means["as found"] - 10
    return _verdict({arm: mean < 50 if arm != "as found" else sound for arm, mean in means.items()})


def rounded_means(error):
    return _verdict({arm: round(sum(error(arm, seed=n) for n in range(5)) / 5) < 50 for arm in ARMS})


WRONG = {
    "broken_part": [
        blames_the_scaler_of_two,
        takes_a_scaler_for_the_order,
        takes_clipping_for_the_order,
        forgets_precision,
        takes_the_best_arm,
        has_no_control,
        looks_away_from_the_control,
        takes_the_median,
        takes_the_worst,
        another_limit,
        just_above_the_limit,
        just_below_the_limit,
        without_the_worst,
        takes_the_error_for_an_accuracy,
        asks_for_precision_first,
        one_network,
        other_networks_for_each,
        more_runs_for_the_control,
        *(_one_arm_by(pick, arm) for arm in ("as found", "no autocast") for pick in (max, median)),
        _one_arm_by(max, "no scaler"),
        without_the_last_network,
        order_only_if_alike,
        a_part_that_costs_ten,
        rounded_means,
        a_sentence,
    ],
    "train_step": [
        clips_before_unscale,
        no_update,
        backward_inside,
        loss_outside,
        limits_scaled_gradients_by_less,
        target_in_16_bits,
        plain_optimizer_step,
        never_zeroes,
        forgets_to_scale,
        returns_scaled_loss,
        returns_a_tensor,
        no_clipping,
        clips_numbers,
        clips_each_parameter,
        clips_the_first_group,
        adds_the_squares,
        forgets_the_step,
        steps_twice,
    ],
    "dynamic_scale": [
        steps_on_inf,
        never_grows,
        grows_every_step,
        keeps_counting,
        doubles_ever_after,
        one_step_late,
        returns_the_infs,
        counts_steps_since_the_start,
        scales_before_the_step,
        lists_in_the_wrong_order,
        never_shrinks,
    ],
}
ODD = {
    "broken_part": [many_networks, arms_in_turn],
    "train_step": [clips_by_hand, zeroes_first],
    "dynamic_scale": [with_the_real_scaler, with_exponents],
}

# Mutants of the solutions that are as right as the solution: what was changed -> why.
EQUIVALENT = {
    "broken_part": {
        "found, scaler, clipping, autocast = (mean < 50 for mean in means): mean < 50: Lt -> LtE": "no loop lies exactly on the border",
        "means = [statistics.fmean((error(arm, seed=n) for n in range(5))) for arm in arms]: 5 -> 6": "more networks are welcome",
    },
    "train_step": {
        "loss = F.mse_loss(model(x), y): F.mse_loss(model(x), y): arguments swapped": (
            "the squared difference is the same either way"
        ),
    },
}
