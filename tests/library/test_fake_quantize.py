"""Int8 in plain tensors: worked by hand, counted in integers, saved and loaded, and as close to float as one step."""

import copy

import pytest
import torch
from torch import nn

from course_utils import checkpoints, data
from course_utils.fake_quantize import (
    Int8Conv2d,
    Int8Linear,
    Quantize,
    calibrate,
    convert,
    fake_layers,
    fake_quantized,
    fold_batch_norm,
    match,
    prepare,
    set_mode,
)


def layer(weight, bias):
    made = nn.Linear(len(weight[0]), len(weight))
    with torch.no_grad():
        made.weight.copy_(torch.tensor(weight)), made.bias.copy_(torch.tensor(bias))
    return made


def converted(model, *batches):
    return convert(calibrate(prepare(copy.deepcopy(model)), batches))


def test_a_range_holds_zero_and_its_levels_are_worked_out_by_hand():
    quantize = Quantize()
    quantize(torch.tensor([1.0, 4.1]))
    quantize(torch.tensor([-1.0, 2.0]))
    assert (quantize.low.item(), quantize.zero_point.item()) == (-1, 50) and abs(quantize.scale.item() - 0.02) < 1e-6
    assert quantize.integers(torch.tensor([0.0, 1.0, 9.0, -9.0])).tolist() == [50, 100, 255, 0]


def test_a_moving_range_goes_a_share_of_the_way():
    quantize = Quantize(averaging=0.25)
    for high in (2.0, 6.0):
        quantize(torch.tensor([high]))
    assert quantize.high.item() == 3 and quantize.batches.item() == 2


def test_a_gradient_passes_through_the_rounding_and_not_through_the_clipping():
    quantize = Quantize()
    quantize(torch.tensor([0.0, 2.55]))
    quantize.observing, quantize.rounding = False, True
    x = torch.tensor([0.304, 9.0], requires_grad=True)
    out = quantize(x)
    out.sum().backward()
    assert out[0].item() == pytest.approx(0.30) and x.grad.tolist() == [1, 0]


def test_a_layer_counts_integers_that_can_be_worked_out_by_hand():
    made = converted(layer([[0.63, -0.21]], [0.1]), torch.tensor([[0.0, 2.55]]))
    assert type(made) is Int8Linear
    assert made.weight.tolist() == [[63, -21]] and made.weight.dtype == torch.int8
    assert made.bias.tolist() == [1000] and made.bias.dtype == torch.int32
    x = torch.tensor([[1.0, 2.0]])
    assert made.sums(x).tolist() == [[63 * 100 - 21 * 200 + 1000]]
    assert made(x).item() == pytest.approx(0.31)


def test_zeros_stay_zero_and_an_empty_layer_divides_by_nothing():
    weight = torch.tensor([[0.0, 0.3], [0.0, 0.0]])
    assert torch.allclose(fake_quantized(weight), weight) and not fake_quantized(weight)[weight == 0].any()
    made = converted(layer([[0.0, 0.0]], [0.5]), torch.zeros(1, 2))
    assert made(torch.zeros(1, 2)).item() == pytest.approx(0.5)


def test_sums_too_large_for_float32_are_exact_too():
    generator = torch.Generator().manual_seed(0)
    wide = layer(torch.randn(1, 4000, generator=generator).tolist(), [0.0])
    x = torch.rand(3, 4000, generator=generator)
    made = converted(wide, x)
    integers = torch.round(x / made.input_scale).long()
    assert torch.equal(made.sums(x).long(), integers @ made.weight.long().T + made.bias)


@pytest.mark.parametrize("name", ["lenet_fashion_0", "small_resnet"])
def test_a_trained_cnn_answers_as_in_float_and_its_file_opens_in_a_new_one(tmp_path, name):
    cnn = checkpoints.load(name)
    images, _ = data.load("fashion_mnist", n=64)
    test, _ = data.load("fashion_mnist", "test", n=200)
    if any(isinstance(module, nn.BatchNorm2d) for module in cnn.modules()):
        cnn = fold_batch_norm(cnn, images[:8])
        assert not any(isinstance(module, nn.BatchNorm2d) for module in cnn.modules())
    with torch.no_grad():
        expected = cnn(test).argmax(1)
        made = converted(cnn, *images.split(32))
        got = made(test).argmax(1)
    assert (got == expected).float().mean() > 0.9
    torch.save(made.state_dict(), tmp_path / "int8.pt")
    state = torch.load(tmp_path / "int8.pt", weights_only=True)
    assert {v.dtype for v in state.values()} == {torch.int8, torch.int32, torch.uint8, torch.float32}
    again = match(copy.deepcopy(cnn), state)
    again.load_state_dict(state)
    with torch.no_grad():
        assert torch.equal(again(test), made(test))


def test_names_parameters_and_shared_layers_stay():
    shared = nn.Linear(3, 3)
    model = nn.Sequential(shared, nn.ReLU(), shared)
    before = dict(model.named_parameters())
    assert prepare(model)[0] is shared and dict(model.named_parameters()) == before
    made = convert(calibrate(model, [torch.rand(4, 3)]))
    assert made[0] is made[2] and list(made.state_dict())[0] == "0.weight"


def test_a_converted_convolution_keeps_stride_padding_and_groups():
    conv = nn.Conv2d(4, 4, 3, stride=2, padding=1, dilation=1, groups=2)
    x = torch.rand(2, 4, 9, 9)
    made = converted(conv, x)
    assert type(made) is Int8Conv2d
    step = (made.input_scale * made.weight_scale.max() * 255).item()  # of one weight, at the largest input
    assert (made(x) - conv(x)).abs().max().item() < 18 * step


def test_fake_quantized_and_counted_in_integers_agree_within_a_bias_step():
    model = prepare(nn.Linear(20, 5))
    x = torch.rand(50, 20)
    calibrate(model, [x])
    fake = model(x).detach()
    made = convert(model)
    step = made.input_scale * made.weight_scale
    assert ((made(x) - fake).abs() <= step).all()


def test_refusals_leave_the_model_as_it_was():
    model = nn.Sequential(nn.Linear(2, 2), nn.ReLU())
    for given, says in (
        (lambda: prepare(model, ["1"]), "called '1'"),
        (lambda: prepare(nn.ReLU()), "nothing to round"),
        (lambda: prepare(nn.Linear(2, 2).half()), "float32 is needed"),
        (lambda: prepare(nn.Linear(2, 2, device="meta")), "no values yet"),
        (lambda: convert(model), "not fake-quantized"),
        (lambda: convert(prepare(nn.Sequential(nn.Linear(2, 2)))), "0: no input was seen"),
    ):
        with pytest.raises(ValueError, match=says):
            given()
    assert type(model[0]) is nn.Linear and not fake_layers(model)


def test_a_convolution_whose_output_is_used_twice_is_not_folded():
    class Twice(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv, self.norm = nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2)

        def forward(self, x):
            x = self.conv(x)
            return x + self.norm(x)

    model, x = Twice().eval(), torch.rand(2, 1, 6, 6)
    model.norm.running_mean += 1
    with torch.no_grad():
        before = model(x)
        with pytest.raises(ValueError, match="answers otherwise"):
            fold_batch_norm(model, x)
        assert torch.equal(model(x), before) and isinstance(model.norm, nn.BatchNorm2d)


def test_what_has_seen_nothing_does_not_round():
    model = prepare(nn.Linear(2, 1))
    set_mode(model, observing=False, rounding=True)
    x = torch.rand(3, 2)
    assert torch.equal(model(x), nn.functional.linear(x, model.weight, model.bias))
