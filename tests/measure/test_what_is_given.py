"""Whatever a measurement is given: it is right, or refused by a sentence, and the reader's data stay as they were."""

from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from torch import nn
from torch.nn.utils import prune

from course_utils import energy, timing, training
from course_utils.audit import audit
from course_utils.sparsity import sparsity_report


class Normalizes(nn.Module):
    """Writes into its input, as some preprocessing does."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(4, 3)

    def forward(self, x):
        return self.layer(x.sub_(0.5).div_(0.25))


def test_the_images_of_a_reader_stay_as_they_were():
    model, images, labels = Normalizes(), torch.rand(50, 4), torch.randint(3, (50,))
    before = images.clone()
    first = training.evaluate(model, images, labels)
    audit(model, images)
    energy.estimate(model, images[:1])
    assert training.evaluate(model, images, labels) == first and torch.equal(images, before)


async def _coroutine():
    return 1


def _generator():
    yield 1


async def _tokens():
    yield 1


PROMISES = {
    "coroutine": _coroutine,
    "generator": _generator,
    "async_generator": _tokens,
    "map": lambda: map(abs, [1]),
    "Future": lambda: ThreadPoolExecutor(1).submit(abs, 1),
    "torch Future": torch.futures.Future,
}


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("kind", PROMISES)
def test_a_promise_of_work_is_not_timed(kind):
    with pytest.raises(TypeError, match=f"'fast' returns a {kind.split()[-1]} at once"):
        timing.compare({"all": lambda: None, "fast": PROMISES[kind]}, device="cpu")
    with pytest.raises(TypeError, match="at once"):
        timing.peak_bytes(PROMISES[kind], device="cpu")


def test_candidates_are_functions_with_names():
    with pytest.raises(TypeError, match="dict of name -> function, got list"):
        timing.compare([abs], device="cpu")
    with pytest.raises(TypeError, match=r"'mine' is a Tensor.* lambda: model\(x\)"):
        timing.compare({"mine": torch.ones(1)}, device="cpu")


def test_memory_is_not_measured_inside_of_another_profiler_whose_events_it_would_take():
    with torch.profiler.profile() as readers:
        torch.ones(9) + 1
        with pytest.raises(RuntimeError, match="another profiler is running"):
            timing.peak_bytes(lambda: torch.zeros(10), device="cpu")
    assert len(readers.events()) > 0
    with timing.Timer(memory=True, device="cpu") as outer:
        kept = torch.zeros(1000, 1000)
        with pytest.raises(RuntimeError, match="another profiler"):
            timing.peak_bytes(lambda: torch.zeros(10), device="cpu")
    assert outer.peak_bytes >= kept.nbytes


def test_what_cannot_be_counted_is_refused_by_a_sentence():
    with pytest.raises(TypeError, match="x is a dict, and one tensor was expected"):
        energy.estimate(nn.Linear(8, 3), {"x": torch.ones(1, 8)})
    with pytest.raises(ValueError, match="complex numbers"):
        energy.estimate(nn.Linear(8, 3, dtype=torch.complex64), torch.ones(1, 8, dtype=torch.complex64))


def test_an_audit_takes_inputs_by_name():
    class Named(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(8, 3)

        def forward(self, *, x):
            return self.layer(x)

    assert audit(Named(), x=torch.ones(1, 8)).count("float32") == 1


@pytest.mark.parametrize("unread", [False, True])
def test_the_zeros_of_a_pt2e_network_are_those_of_its_8_bit_weights(unread):
    from torchao.quantization.pt2e.quantize_pt2e import convert_pt2e, prepare_pt2e
    from torchao.quantization.pt2e.quantizer import x86_inductor_quantizer as x86

    from course_utils.int8_routes.torch_compiled import without_unread

    quantizer, x = x86.X86InductorQuantizer(), torch.randn(2, 64)
    quantizer.set_global(x86.get_default_x86_inductor_quantization_config())
    model = nn.Sequential(nn.Linear(64, 128, bias=False)).eval()
    prune.random_structured(model[0], "weight", amount=0.5, dim=0)
    prune.remove(model[0], "weight")
    graph = prepare_pt2e(torch.export.export(model, (x,)).module(), quantizer)
    graph(x)
    graph = convert_pt2e(graph)
    found = sparsity_report(graph if unread else without_unread(graph)).total
    assert found.elements == 64 * 128 and 0.5 <= found.sparsity < 0.52
