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


def from_column_k_on(conv_weight, conv_bias, linear_weight, keep):
    area = linear_weight.shape[1] // len(conv_weight)
    return conv_weight[keep], conv_bias[keep], torch.cat([linear_weight[:, k : k + area] for k in keep], dim=1)


def pixels_in_another_order(conv_weight, conv_bias, linear_weight, keep):
    by_channel = linear_weight.view(len(linear_weight), len(conv_weight), -1)
    return conv_weight[keep], conv_bias[keep], by_channel[:, keep].transpose(1, 2).flatten(1)


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


def over_columns(weight):
    mask = torch.zeros_like(weight)
    for column in range(weight.shape[1]):
        for start in range(0, weight.shape[0], 4):
            group = weight[start : start + 4, column].abs()
            mask[start + group.topk(min(2, len(group))).indices, column] = 1
    return mask


def ties_give_three(weight):
    mask = torch.zeros_like(weight)
    for start in range(0, weight.shape[1], 4):
        group = weight[:, start : start + 4].abs()
        second = group.sort(dim=1, descending=True).values[:, min(2, group.shape[1]) - 1 :][:, :1]
        mask[:, start : start + 4] = (group >= second).float()
    return mask


def across_rows(weight):
    flat = weight.abs().flatten()
    mask = torch.zeros_like(flat)
    for start in range(0, len(flat), 4):
        group = flat[start : start + 4]
        mask[start + group.topk(min(2, len(group))).indices] = 1
    return mask.view_as(weight)


def signed(weight):
    mask = torch.zeros_like(weight)
    for row in range(len(weight)):
        for start in range(0, weight.shape[1], 4):
            group = weight[row, start : start + 4]
            mask[row, start + group.topk(min(2, len(group))).indices] = 1
    return mask


def half_of_all(weight):
    mask = torch.zeros_like(weight).flatten()
    mask[weight.abs().flatten().argsort(descending=True)[: weight.numel() // 2]] = 1
    return mask.view_as(weight)


def all_of_the_rest(weight):
    mask = torch.ones_like(weight)
    for row in range(len(weight)):
        for start in range(0, weight.shape[1] - 3, 4):
            mask[row, start : start + 4] = 0
            mask[row, start + weight[row, start : start + 4].abs().topk(2).indices] = 1
    return mask


def drops_the_rest(weight):
    mask = torch.zeros_like(weight)
    whole = weight.shape[1] // 4 * 4
    groups = weight[:, :whole].reshape(len(weight), whole // 4, 4).abs()
    mask[:, :whole] = torch.zeros_like(groups).scatter(2, groups.topk(2, dim=2).indices, 1).flatten(1)
    return mask


def one_of_two_in_the_rest(weight):
    mask = torch.zeros_like(weight)
    for group, part in zip(weight.abs().split(4, dim=1), mask.split(4, dim=1), strict=True):
        part.scatter_(1, group.topk(group.shape[1] // 2, dim=1).indices, 1)
    return mask


def above_the_third(weight):
    mask = torch.ones_like(weight)
    for group, part in zip(weight.abs().split(4, dim=1), mask.split(4, dim=1), strict=True):
        if group.shape[1] > 2:
            part.copy_(group > group.sort(dim=1, descending=True).values[:, 2:3])
    return mask


def where_something_is_left(weight):
    left = torch.zeros_like(weight)
    for group, part in zip(weight.split(4, dim=1), left.split(4, dim=1), strict=True):
        places = group.abs().topk(min(2, group.shape[1]), dim=1).indices
        part.scatter_(1, places, group.gather(1, places))
    return (left != 0).float()


def half_of_each_row(weight):
    mask = torch.zeros_like(weight)
    return mask.scatter(1, weight.abs().topk(weight.shape[1] // 2, dim=1).indices, 1)


def by_padding(weight):
    rows, columns = weight.shape
    padded = torch.nn.functional.pad(weight.abs(), (0, -columns % 4), value=-1.0).view(rows, -1, 4)
    mask = torch.zeros_like(padded).scatter_(2, padded.argsort(dim=2, descending=True)[..., :2], 1)
    return mask.view(rows, -1)[:, :columns]


def mask_in_numpy(weight):
    w = np.abs(weight.numpy())
    mask = np.zeros(w.shape, dtype=bool)
    for start in range(0, w.shape[1], 4):
        best = np.argsort(-w[:, start : start + 4], axis=1)[:, :2]
        np.put_along_axis(mask[:, start : start + 4], best, True, axis=1)
    return mask


WRONG = {
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
        zeros_in_place_of_channels,
    ],
    "cut_pair": [
        inputs_left,
        flatten_forgotten,
        first_columns,
        channel_fastest,
        bias_left,
        kernel_for_area,
        from_column_k_on,
        pixels_in_another_order,
    ],
    "mask_2_4": [
        over_columns,
        ties_give_three,
        across_rows,
        signed,
        half_of_all,
        all_of_the_rest,
        drops_the_rest,
        one_of_two_in_the_rest,
        above_the_third,
        where_something_is_left,
        half_of_each_row,
    ],
}
ODD = {
    "cut_block": [with_a_loop, in_numpy, with_a_boolean],
    "cut_pair": [column_by_column, concatenated, pair_in_numpy],
    "mask_2_4": [by_padding, mask_in_numpy],
}
# Mutants of the solutions that are as right as the solution: what was changed -> why.
EQUIVALENT = {
    "mask_2_4": {
        "mask[row, start + group.topk(min(2, len(group))).indices] = 1: min(2, len(group)): arguments swapped": (
            "min takes its arguments in any order"
        ),
    },
}
