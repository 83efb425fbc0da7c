"""the lesson `structured`: plausible wrong answers and odd but right ones, as a learner would write them."""

import numpy as np
import torch


def pick(weight, norm, keep):
    return weight[keep], {name: tensor[keep] for name, tensor in norm.items()}


def keeps_the_smallest(weight, norm, n_keep):
    return pick(weight, norm, weight.flatten(1).norm(dim=1).argsort()[:n_keep].sort().values)


def over_the_wrong_dim(weight, norm, n_keep):
    keep = weight.pow(2).sum((0, 2, 3)).topk(min(n_keep, weight.shape[1])).indices.sort().values
    return pick(weight, norm, keep[keep < len(weight)])


def before_the_norm_layer_only(weight, norm, n_keep):
    keep = weight.flatten(1).norm(dim=1).topk(n_keep).indices.sort().values
    return weight[keep], norm


def first_of_the_norm_layer(weight, norm, n_keep):
    keep = weight.flatten(1).norm(dim=1).topk(n_keep).indices.sort().values
    return weight[keep], {name: tensor[:n_keep] for name, tensor in norm.items()}


def forgets_the_statistics(weight, norm, n_keep):
    keep = weight.flatten(1).norm(dim=1).topk(n_keep).indices.sort().values
    return weight[keep], {k: v[keep] if k in ("weight", "bias") else v for k, v in norm.items()}


def in_order_of_size(weight, norm, n_keep):
    return pick(weight, norm, weight.flatten(1).norm(dim=1).topk(n_keep).indices)


def by_l1(weight, norm, n_keep):
    return pick(weight, norm, weight.abs().sum((1, 2, 3)).topk(n_keep).indices.sort().values)


def by_the_signed_sum(weight, norm, n_keep):
    return pick(weight, norm, weight.sum((1, 2, 3)).topk(n_keep).indices.sort().values)


def by_the_largest_weight(weight, norm, n_keep):
    return pick(weight, norm, weight.abs().amax((1, 2, 3)).topk(n_keep).indices.sort().values)


def norm_unsorted(weight, norm, n_keep):
    ranked = weight.flatten(1).norm(dim=1).argsort(descending=True)[:n_keep]
    return weight[ranked.sort().values], {name: tensor[ranked] for name, tensor in norm.items()}


def zeros_in_place_of_channels(weight, norm, n_keep):
    gone = weight.flatten(1).norm(dim=1).argsort()[: len(weight) - n_keep]
    weight, norm = weight.clone(), {name: tensor.clone() for name, tensor in norm.items()}
    for tensor in (weight, *norm.values()):
        tensor[gone] = 0
    return weight, norm


def places_of_the_sorted(weight, norm, n_keep):
    return pick(weight, norm, weight.flatten(1).norm(dim=1).topk(n_keep).indices.sort()[1])


def by_the_factor_of_the_norm_layer(weight, norm, n_keep):
    score = weight.flatten(1).norm(dim=1)
    if "weight" in norm:
        score = score * norm["weight"].abs()
    return pick(weight, norm, score.topk(n_keep).indices.sort().values)


def first_kernel_of_each(weight, norm, n_keep):
    return pick(weight, norm, weight.norm(dim=(2, 3))[:, 0].topk(n_keep).indices.sort().values)


def with_a_loop(weight, norm, n_keep):
    lengths = [float((channel**2).sum()) for channel in weight]
    ranked = sorted(range(len(lengths)), key=lambda i: -lengths[i])[:n_keep]
    return pick(weight, norm, sorted(ranked))


def in_numpy(weight, norm, n_keep):
    lengths = np.linalg.norm(weight.numpy().reshape(len(weight), -1), axis=1)
    keep = np.sort(np.argsort(lengths)[-n_keep:])
    return weight.numpy()[keep], {name: tensor.numpy()[keep] for name, tensor in norm.items()}


def with_a_boolean(weight, norm, n_keep):
    lengths = weight.pow(2).sum((1, 2, 3))
    stays = lengths >= lengths.sort(descending=True).values[n_keep - 1]
    return [weight[stays], {name: tensor[stays] for name, tensor in norm.items()}]


def inputs_left(conv_weight, conv_bias, linear_weight, keep):
    return conv_weight[keep], conv_bias[keep], linear_weight


def flatten_forgotten(conv_weight, conv_bias, linear_weight, keep):
    return conv_weight[keep], conv_bias[keep], linear_weight[:, keep]


def first_columns(conv_weight, conv_bias, linear_weight, keep):
    area = linear_weight.shape[1] // len(conv_weight)
    return conv_weight[keep], conv_bias[keep], linear_weight[:, : len(keep) * area]


def channel_fastest(conv_weight, conv_bias, linear_weight, keep):
    by_pixel = linear_weight.view(len(linear_weight), -1, len(conv_weight))
    return conv_weight[keep], conv_bias[keep], by_pixel[:, :, keep].flatten(1)


def bias_left(conv_weight, conv_bias, linear_weight, keep):
    by_channel = linear_weight.view(len(linear_weight), len(conv_weight), -1)
    return conv_weight[keep], conv_bias, by_channel[:, keep].flatten(1)


def kernel_for_area(conv_weight, conv_bias, linear_weight, keep):
    area = conv_weight[0, 0].numel()
    columns = [k * area + i for k in keep for i in range(area)]
    columns = [column for column in columns if column < linear_weight.shape[1]]
    return conv_weight[keep], conv_bias[keep], linear_weight[:, columns]


def masked_in_place_of_cut(conv_weight, conv_bias, linear_weight, keep):
    mask = torch.zeros(len(conv_weight))
    mask[keep] = 1
    area = linear_weight.shape[1] // len(mask)
    return conv_weight * mask.view(-1, 1, 1, 1), conv_bias * mask, linear_weight * mask.repeat_interleave(area)


def from_column_k_on(conv_weight, conv_bias, linear_weight, keep):
    area = linear_weight.shape[1] // len(conv_weight)
    return conv_weight[keep], conv_bias[keep], torch.cat([linear_weight[:, k : k + area] for k in keep], dim=1)


def pixels_in_another_order(conv_weight, conv_bias, linear_weight, keep):
    by_channel = linear_weight.view(len(linear_weight), len(conv_weight), -1)
    return conv_weight[keep], conv_bias[keep], by_channel[:, keep].transpose(1, 2).flatten(1)


def from_the_first_to_the_last(conv_weight, conv_bias, linear_weight, keep):
    area = linear_weight.shape[1] // len(conv_weight)
    return conv_weight[keep], conv_bias[keep], linear_weight[:, keep[0] * area : (keep[-1] + 1) * area]


def column_by_column(conv_weight, conv_bias, linear_weight, keep):
    area = linear_weight.shape[1] // len(conv_weight)
    columns = [k * area + i for k in keep for i in range(area)]
    return conv_weight[keep], conv_bias[keep], linear_weight[:, columns]


def concatenated(conv_weight, conv_bias, linear_weight, keep):
    pieces = linear_weight.chunk(len(conv_weight), dim=1)
    return [
        torch.stack([conv_weight[k] for k in keep]),
        conv_bias[torch.tensor(keep)],
        torch.cat([pieces[k] for k in keep], dim=1),
    ]


def pair_in_numpy(conv_weight, conv_bias, linear_weight, keep):
    w, b, m = (t.numpy() for t in (conv_weight, conv_bias, linear_weight))
    stays = np.repeat(np.isin(np.arange(len(w)), keep), m.shape[1] // len(w))
    return w[keep], b[keep], m[:, stays]


def norm_as_a_list(weight, norm, n_keep):
    keep = weight.flatten(1).norm(dim=1).topk(n_keep).indices.sort().values
    return weight[keep], [tensor[keep] for tensor in norm.values()]


def _means(right, steps=150, draws=range(5)):
    return [np.mean([right(name, steps=steps, draw=d) for d in draws]) for name in ("norm", "random", "new")]


def _said(share):
    if share > 0.8:
        return "start"
    return "choice" if share < 0.2 else "both"


def before_the_training(right):
    norm, chance, new = (np.mean([right(name, draw=d) for d in range(5)]) for name in ("norm", "random", "new"))
    return _said((chance - new) / (norm - new)) if norm - new >= 1 else "nothing"


def after_a_long_training(right):
    norm, chance, new = _means(right, steps=1000)
    return _said((chance - new) / (norm - new)) if norm - new >= 1 else "nothing"


def one_draw_each(right):
    norm, chance, new = _means(right, draws=[0])
    return _said((chance - new) / (norm - new)) if norm - new >= 1 else "nothing"


def choice_and_start_changed(right):
    norm, chance, new = _means(right)
    return _said((norm - chance) / (norm - new)) if norm - new >= 1 else "nothing"


def over_an_accuracy(right):
    norm, chance, new = _means(right)
    return _said((chance - new) / norm) if norm - new >= 1 else "nothing"


def in_points(right):
    norm, chance, new = _means(right)
    return _said(chance - new) if norm - new >= 1 else "nothing"


def one_or_the_other(right):
    norm, chance, new = _means(right)
    if norm - new < 1:
        return "nothing"
    return "choice" if norm - chance > chance - new else "start"


def always_a_share(right):
    norm, chance, new = _means(right)
    return _said((chance - new) / (norm - new or 1))


def without_new_weights(right):
    norm, chance = (np.mean([right(name, steps=150, draw=d) for d in range(5)]) for name in ("norm", "random"))
    return "choice" if norm - chance > 1 else "start"


def best_of_chance(right):
    norm, chance, new = ([right(name, steps=150, draw=d) for d in range(8)] for name in ("norm", "random", "new"))
    if np.mean(norm) - np.mean(new) < 1:
        return "nothing"
    return _said((max(chance) - min(new)) / (min(norm) - min(new)))


def norm_once(right):
    norm = right("norm", steps=150)
    chance, new = (np.mean([right(name, steps=150, draw=d) for d in range(5)]) for name in ("random", "new"))
    return _said((chance - new) / (norm - new)) if norm - new >= 1 else "nothing"


def what_earned_it_by_many_draws(right):
    norm, chance, new = (
        np.mean([right(name, steps=150, draw=d) for d in range(100, 141)]) for name in ("norm", "random", "new")
    )
    return _said((chance - new) / (norm - new)) if norm - new >= 1 else "nothing"


def _by_limits(right, low=0.2, high=0.8, least=1.0, pick=np.mean):
    """Not an answer: the rule of the card with other limits, or with another summary."""
    norm, chance, new = (pick([right(name, steps=150, draw=d) for d in range(9)]) for name in ("norm", "random", "new"))
    if norm - new < least:
        return "nothing"
    share = (chance - new) / (norm - new)
    return "start" if share > high else "choice" if share < low else "both"


def without_the_extreme_draws(right):
    return _by_limits(right, pick=lambda results: np.mean(sorted(results)[1:-1]))


def by_medians(right):
    return _by_limits(right, pick=np.median)


def by_the_best_draw(right):
    return _by_limits(right, pick=max)


def choice_below_a_tenth(right):
    return _by_limits(right, low=0.1)


def choice_below_a_quarter(right):
    return _by_limits(right, low=0.25)


def start_above_three_quarters(right):
    return _by_limits(right, high=0.75)


def start_above_nine_tenths(right):
    return _by_limits(right, high=0.9)


def from_two_points_on(right):
    return _by_limits(right, least=2)


def by_the_geometric_mean(right):
    return _by_limits(right, pick=lambda results: np.exp(np.mean(np.log(results))))


def without_the_first_draw(right):
    return _by_limits(right, pick=lambda results: np.mean(results[1:]))


def first_three_draws(right):
    return _by_limits(right, pick=lambda results: np.mean(results[:3]))


def from_half_a_point_on(right):
    return _by_limits(right, least=0.5)


def from_one_and_a_fifth_on(right):
    return _by_limits(right, least=1.2)


def _drawn(right):
    return np.array([[right(name, steps=150, draw=d) for d in range(8)] for name in ("norm", "random", "new")])


def an_advantage_of_either_sign(right):
    norm, chance, new = _means(right)
    return _said((chance - new) / (norm - new)) if abs(norm - new) >= 1 else "nothing"


def better_of_both_ahead(right):
    norm, chance, new = _means(right)
    return _said((chance - new) / (norm - new)) if max(norm, chance) - new >= 1 else "nothing"


def share_without_its_sign(right):
    norm, chance, new = _means(right)
    return _said(abs(chance - new) / (norm - new)) if norm - new >= 1 else "nothing"


def mean_of_the_shares(right):
    norm, chance, new = _drawn(right)
    return _said(np.mean((chance - new) / (norm - new))) if np.mean(norm - new) >= 1 else "nothing"


def advantage_in_any_draw(right):
    norm, chance, new = _drawn(right)
    return _said(np.mean(chance - new) / np.mean(norm - new)) if max(norm - new) >= 1 else "nothing"


def advantage_in_every_draw(right):
    norm, chance, new = _drawn(right)
    return _said(np.mean(chance - new) / np.mean(norm - new)) if min(norm - new) >= 1 else "nothing"


def new_weights_of_the_first_draw(right):
    norm, chance, new = _drawn(right)
    advantage = np.mean(norm) - new[0]
    return _said((np.mean(chance) - new[0]) / advantage) if advantage >= 1 else "nothing"


def only_draws_with_an_advantage(right):
    norm, chance, new = _drawn(right)
    ahead = norm - new >= 1
    return _said(np.sum((chance - new)[ahead]) / np.sum((norm - new)[ahead])) if any(ahead) else "nothing"


def share_of_draws_with_an_advantage(right):
    norm, chance, new = _drawn(right)
    ahead = norm - new >= 1
    if np.mean(norm - new) < 1:
        return "nothing"
    return _said(np.sum((chance - new)[ahead]) / np.sum((norm - new)[ahead]))


def what_earned_it_pair_by_pair(right):
    table = np.array([[right(name, steps=150, draw=d) for name in ("new", "random", "norm")] for d in range(50, 70)])
    chance, norm = (table[:, 1:] - table[:, :1]).mean(0)
    return "nothing" if norm < 1 else _said(chance / norm)


WRONG = {
    "what_earned_it": [
        before_the_training,
        after_a_long_training,
        one_draw_each,
        choice_and_start_changed,
        over_an_accuracy,
        in_points,
        one_or_the_other,
        always_a_share,
        without_new_weights,
        best_of_chance,
        norm_once,
        by_medians,
        without_the_extreme_draws,
        by_the_best_draw,
        choice_below_a_tenth,
        choice_below_a_quarter,
        start_above_three_quarters,
        start_above_nine_tenths,
        from_two_points_on,
        by_the_geometric_mean,
        without_the_first_draw,
        first_three_draws,
        from_half_a_point_on,
        from_one_and_a_fifth_on,
        an_advantage_of_either_sign,
        better_of_both_ahead,
        share_without_its_sign,
        mean_of_the_shares,
        advantage_in_any_draw,
        advantage_in_every_draw,
        new_weights_of_the_first_draw,
        only_draws_with_an_advantage,
        share_of_draws_with_an_advantage,
    ],
    "cut_block": [
        keeps_the_smallest,
        over_the_wrong_dim,
        before_the_norm_layer_only,
        first_of_the_norm_layer,
        forgets_the_statistics,
        in_order_of_size,
        by_l1,
        by_the_signed_sum,
        by_the_largest_weight,
        norm_unsorted,
        places_of_the_sorted,
        by_the_factor_of_the_norm_layer,
        first_kernel_of_each,
        zeros_in_place_of_channels,
        norm_as_a_list,
    ],
    "cut_pair": [
        inputs_left,
        flatten_forgotten,
        first_columns,
        channel_fastest,
        bias_left,
        kernel_for_area,
        masked_in_place_of_cut,
        from_column_k_on,
        from_the_first_to_the_last,
        pixels_in_another_order,
    ],
}
ODD = {
    "what_earned_it": [what_earned_it_by_many_draws, what_earned_it_pair_by_pair],
    "cut_block": [with_a_loop, in_numpy, with_a_boolean],
    "cut_pair": [column_by_column, concatenated, pair_in_numpy],
}
# Mutants of the solutions that are as right as the solution: what was changed -> why.
EQUIVALENT = {
    "what_earned_it": {
        "if advantage < 1:: advantage < 1: Lt -> LtE": "no network has an advantage of exactly one point",
        "if share > 0.8:: share > 0.8: Gt -> GtE": "no share is exactly 0.8",
        "return 'choice' if share < 0.2 else 'both': share < 0.2: Lt -> LtE": "nor exactly 0.2",
    },
}
