"""The pruning callback on models that people have: masks hold where weights are read, and what takes none is named."""

import pytest
import torch
from _legacy import ignoring
from _pruned_fits import KNOWN, Ask, trainer, values
from lightning.pytorch import Callback, LightningModule
from lightning.pytorch.callbacks import ModelCheckpoint
from torch import nn
from torch.utils.data import DataLoader, TensorDataset
from torchao.quantization import Int8WeightOnlyConfig, quantize_
from torchvision.models import SwinTransformer, VisionTransformer

from course_utils.lightning import PruningSchedule, _masks

pytestmark = [*KNOWN, *ignoring("`torch.jit", ".*weight_norm", "targets=None takes")]


class Classifier(LightningModule):
    """Any network that makes three logits; batches of inputs of one shape."""

    def __init__(self, net, shape=(8,)):
        super().__init__()
        self.net, self.shape = net, shape

    def forward(self, x):
        found = self.net(x)
        return getattr(found, "logits", found)

    def training_step(self, batch, _):
        return nn.functional.cross_entropy(self(batch[0]), batch[1])

    def validation_step(self, batch, _):
        self.log("error", self.training_step(batch, 0))

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.1)

    def train_dataloader(self):
        draw = torch.Generator().manual_seed(0)
        x, y = torch.randn(12, *self.shape, generator=draw), torch.randint(0, 3, (12,), generator=draw)
        return DataLoader(TensorDataset(x, y), batch_size=6)

    val_dataloader = train_dataloader


class Reads(nn.Module):
    """Reads the weight of a layer, and never calls the layer."""

    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Sequential(nn.Linear(8, 16, bias=False)), nn.Linear(16, 3)

    def forward(self, x):
        return self.b(nn.functional.linear(x, self.a[0].weight).relu())


def plain():
    return nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 3))


def swin():
    return SwinTransformer([2, 2], 8, [1, 1], [2, 2], [2, 2], stochastic_depth_prob=0.0, num_classes=3)


def attention():
    return nn.Sequential(nn.TransformerEncoderLayer(8, 2, 16, 0.0, batch_first=True), nn.Flatten(), nn.Linear(16, 3))


class Project(Callback):
    """What a mask means: zeros are put back after each step."""

    def __init__(self, masks):
        self.masks = masks

    def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx):
        with torch.no_grad():
            for name, parameter in pl_module.named_parameters():
                if name in self.masks and (trainer.current_epoch > 0 or trainer.is_last_batch):
                    parameter.mul_(self.masks[name])


def run(path, model, *callbacks, epochs=3, **options):
    trainer(path, *callbacks, epochs=epochs, **options).fit(model)
    return model


@pytest.mark.parametrize(("net", "shape"), [(swin, (3, 16, 16)), (attention, (2, 8)), (Reads, (8,))])
def test_masked_weights_that_are_read_without_a_call_of_their_layer_train_on(tmp_path, net, shape):
    model, twin = Classifier(net(), shape), Classifier(net(), shape)
    twin.load_state_dict(model.state_dict())
    before, objects = values(model), {id(p) for p in model.parameters()}
    callback = PruningSchedule("l1_unstructured", {0: 0.5})
    run(tmp_path, model, callback, limit_val_batches=0)
    run(tmp_path, twin, Project(callback._masks))
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), twin.parameters(), strict=True))
    assert all(not torch.equal(model.state_dict()[name][m], before[name][m]) for name, m in callback._masks.items())
    assert {id(p) for p in model.parameters()} == objects, "optimizers hold these"
    assert not any(m._forward_pre_hooks and type(m) in (type(model), type(model.net)) for m in model.modules())


def test_a_file_that_goes_by_a_metric_holds_the_network_that_was_measured(tmp_path):
    torch.manual_seed(0)
    model, callback = Classifier(Reads()), PruningSchedule("l1_unstructured", {0: 0.3, 2: 0.4})
    saver, seen = ModelCheckpoint(tmp_path, save_top_k=-1, monitor="error"), {}
    metric = Ask(lambda model: model.trainer.callback_metrics["error"].item())
    run(tmp_path, model, callback, metric, saver)
    for path in tmp_path.glob("*.ckpt"):
        epoch = int(path.stem.split("epoch=")[1][0])
        file = trainer(tmp_path, PruningSchedule("l1_unstructured", 0.1), epochs=1)
        (seen[epoch],) = file.validate(Classifier(Reads()), ckpt_path=path, verbose=False, weights_only=True)
    assert [seen[e]["error"] for e in sorted(seen)] == pytest.approx(metric.answers) and len(seen) == 3
    assert [epoch for epoch, _ in callback.history] == [0, 2] and int((model.net.a[0].weight == 0).sum()) > 50
    again = PruningSchedule("l1_unstructured", {0: 0.3, 2: 0.4})
    last = next(tmp_path.glob("epoch=2*.ckpt"))  # nothing is left to train, and the last cut is still due
    other = Classifier(Reads())
    trainer(tmp_path, again, epochs=3).fit(other, ckpt_path=last, weights_only=True)
    assert again.history == callback.history
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), other.parameters(), strict=True))


def int8():
    quantize_(net := plain(), Int8WeightOnlyConfig(), filter_fn=lambda _, name: name == "0")
    return net


@pytest.mark.parametrize(
    ("net", "says"),
    [
        (int8, r"net.0.weight cannot be masked: it is a Int8Tensor .*give targets without it"),
        (lambda: torch.jit.script(plain()), "net is scripted .*train first, then torch.jit.script"),
    ],
)
def test_what_takes_no_mask_is_named_before_anything_is_trained(tmp_path, net, says):
    model = Classifier(net())
    with pytest.raises(ValueError, match=says):
        run(tmp_path, model, PruningSchedule("l1_unstructured", 0.5, targets=["net.0.weight"]))
    assert not _masks.masks(model)


@pytest.mark.filterwarnings("default:targets=None takes")
def test_what_the_default_leaves_out_is_named(tmp_path):
    with pytest.warns(UserWarning, match="leaves out .*net.0.self_attn.in_proj_weight.*: name in targets"):
        run(tmp_path, Classifier(attention(), (2, 8)), PruningSchedule("l1_unstructured", {0: 0.5}), epochs=1)


def test_a_layer_of_which_nothing_is_left_is_named(tmp_path):
    """The head of torchvision's transformer begins with zeros, the smallest of all weights."""
    net = VisionTransformer(8, 4, num_layers=1, num_heads=2, hidden_dim=8, mlp_dim=8, num_classes=3)
    with pytest.warns(UserWarning, match="nothing is left of net.heads.head.weight after epoch 0.*prune less"):
        run(tmp_path, Classifier(net, (3, 8, 8)), PruningSchedule("l1_unstructured", {0: 0.5}), epochs=1)


@pytest.mark.parametrize("dim", [0, -4, 1])
@pytest.mark.parametrize("groups", [1, 2])
def test_dim_0_cuts_outputs_of_a_transposed_convolution_too(tmp_path, dim, groups):
    net = nn.Sequential(nn.ConvTranspose2d(8, 4, 3, groups=groups), nn.Flatten(), nn.Linear(4 * 36, 3))
    schedule = PruningSchedule("ln_structured", {0: 0.5}, norm=2, dim=dim, targets=["net.0.weight"])
    weight = run(tmp_path, Classifier(net, (8, 4, 4)), schedule, epochs=1).net[0].weight
    outputs, inputs = ((weight.transpose(0, d).flatten(1) == 0).all(1).float().mean() for d in (1, 0))
    assert (outputs, inputs) == ((0, 0.5) if dim == 1 else (0.5, 0))


@pytest.mark.parametrize(
    ("amount", "options", "says"),
    [
        ({0: 0.5, 6: 0.25}, {"epochs": 3}, "{6: 0.25}"),
        ({0: 0.5, 2: 0.25}, {"epochs": 5, "max_steps": 4}, "{2: 0.25}"),
        (0.1, {"epochs": 4, "max_steps": 4}, "{2: 0.1, 3: 0.1}"),
        (0.1, {"epochs": -1, "max_steps": 4}, None),
    ],
)
def test_cuts_that_the_fit_did_not_reach_are_named_at_its_end(tmp_path, recwarn, amount, options, says):
    run(tmp_path, Classifier(plain()), PruningSchedule("l1_unstructured", amount), **options)
    said = [str(w.message) for w in recwarn if "not reached" in str(w.message)]
    assert [says in text for text in said] == [True] * (says is not None)
