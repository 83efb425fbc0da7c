"""The headline table of the lesson `choosing`: rows for what can be built, a sentence for what cannot; its records."""

import pytest

from course_utils import legacy_int8
from course_utils.int8_routes import networks
from course_utils.int8_routes import record as int8_record
from course_utils.int8_routes.record import EAGER
from records.quantization import compare, in_torch
from records.quantization.compare import Route


@pytest.fixture(scope="module")
def mobile():
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COURSE_QUICK", "1")
        return networks.mobilenet_v2()


def eager_route():
    return Route("torch", EAGER, in_torch.fp32_eager)


def fails(error):
    def build(network, folder):
        raise error

    return build


def test_every_route_that_needs_no_compiler_is_measured_and_agrees_with_fp32(mobile):
    rows = compare.measure(mobile, in_torch.routes(mobile, live=True), rounds=1)
    engine = legacy_int8.best()
    names = [EAGER, "fp32, traced", f"int8 static, {engine}", "int8 static, traced and frozen"]
    assert [row.variant for row in rows] == names
    for row in rows:
        assert row.why is None and row.median_ms > 0 and row.cosine > 0.99
        assert row.best_fp32 in names[:2] and row.speedup_over_best_fp32 > 0
    eager, int8 = rows[0], rows[2]
    assert eager.speedup_over_eager == 1.0 and eager.cosine == pytest.approx(1.0, abs=1e-6)
    assert 3 < eager.file_bytes / int8.file_bytes < 4 and int8.cosine < 0.999999, "int8 that equals fp32 is not int8"
    best = next(row for row in rows if row.variant == eager.best_fp32)
    assert best.speedup_over_best_fp32 == pytest.approx(1.0)
    assert compare.control_cosine(mobile) < min(row.cosine for row in rows), "a cosine near 1 must mean something"


@pytest.mark.parametrize(
    ("error", "part"),
    [
        (
            ModuleNotFoundError("No module named 'nncf'", name="nncf"),
            "nncf is not installed. To weigh with it, in a terminal: py",
        ),
        (RuntimeError("InvalidCxxCompiler: No working C++ compiler found in config.cpp.cxx"), "no C++ compiler"),
        (AttributeError("'X' has no attribute 'y'"), "AttributeError: 'X' has no attribute 'y'."),
    ],
)
def test_a_route_that_fails_becomes_a_row_that_says_why(mobile, error, part):
    rows = compare.measure(mobile, [eager_route(), Route("other", "int8", fails(error))], rounds=1)
    assert part in rows[1].why and rows[1].median_ms is None and rows[0].why is None
    assert "–" in repr(compare.table(rows))


@pytest.mark.parametrize("name", int8_record.records())
def test_each_record_of_the_course_has_both_sides_of_every_network(name):
    one = int8_record.records()[name]
    assert one.processor == name and one.path == int8_record.own_path(one.head)
    assert (
        list(dict.fromkeys(row.model for row in one.rows))
        == list(networks.NETWORKS)
        == list(one.head["control_cosine"])
    )
    assert all(one.best(model, runtime) for model in networks.NETWORKS for runtime in ("torch", int8_record.PEERS))
    assert (
        one.head["cpu"] in one.at
        and one.head["date"] in one.at
        and one.best("ResNet-50", "torch").speedup_over_eager > 1
    )
