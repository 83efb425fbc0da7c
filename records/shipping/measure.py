"""Five networks that sort clothes, each in the unpacked forms that `weigh` can make: lesson `shipping`."""

import time

import torch

import weigh
from course_utils import checkpoints, data, runtime, training
from course_utils.files import ROOT
from records import writing
from weigh import ways

NETWORKS = {  # checkpoint -> the name of its network in the record
    "lenet_fashion_0": "LeNet",
    "small_cnn": "SmallCNN",
    "depthwise_cnn": "DepthwiseCNN",
    "small_resnet": "SmallResNet",
    "small_resnet_half": "SmallResNet, half as wide",
}
STEPS, RATE = 400, 1e-3  # of the training after a cut, and of the dense network with the same training
CALIBRATE = 200  # training images
ROUNDS = 1000  # of the clock
SLOW = (ways.STATIC, ways.STATIC_COMPILED, ways.COMPILED)  # minutes of a compiler, and what is nothing without it
PACKED = ways.MASKED  # the one form whose file is packed; among files that are not it would win by that alone


def main(arguments):
    """Make and measure all forms, and write the record: a quarter of an hour on one thread."""
    path = ROOT / "records" / "shipping" / "models.json"
    args = writing.options("shipping", __doc__, path).parse_args(arguments)
    images, labels = data.load("fashion_mnist")
    test = data.load("fashion_mnist", "test")
    rows = []
    with runtime.threads(1):
        for name, shown in list(NETWORKS.items())[: 1 if runtime.quick() else None]:
            rows += of_a_network(name, shown, images, labels, *test)
    head = {
        "command": "python3 course.py bench shipping",
        **runtime.provenance(),
        "training": f"after a cut: {STEPS} steps of 64 of the first 55,000 images, Adam at {RATE}, falling to 0",
        "chooses": "accuracy: the first half of the test images; others: the second half",
    }
    writing.write(args.to, {**head, "rows": rows})


def of_a_network(checkpoint, shown, images, labels, test_images, test_labels):
    """The rows of one network."""

    def train(model):
        fit = {"steps": STEPS, "lr": RATE, "device": "cpu", "progress": False, "schedule": lambda done: 1 - done}
        runtime.seed_all(0)
        training.fit(model, images[:55_000], labels[:55_000], **fit)

    batches = [*images[:CALIBRATE].split(1), *test_images[:CALIBRATE].split(1)]
    sheet = weigh.look(checkpoints.load(checkpoint), batches, train=train)
    sheet.step = 600
    weigh.layers_of(sheet)
    weigh.run(sheet, ways=[way for way in weigh.routes(sheet) if way.name not in SLOW], clock=False)
    weigh.cut(sheet, clock=False)
    fastest_ms(sheet, ROUNDS // 20)  # which int8 the cut network gets
    weigh.cut_then_int8(sheet, clock=False)
    fastest_ms(sheet, ROUNDS)
    half = len(test_images) // 2
    found, rights, twin = [], [], None
    for row in sheet.rows:
        if row.built is None or row.remark == ways.NOTHING or row.name == PACKED:
            print(f"{shown}, {row.name}: left out. {row.remark}")
            continue
        right = answers(row, test_images) == test_labels
        twin = right if row.name == ways.TRAINED else twin
        rights.append(right)
        found.append(
            {
                "name": f"{shown}: {row.name}",
                "network": shown,
                "file_bytes": row.file_bytes,
                "ms": round(row.ms, 4),
                "in_int8": row.in_int8,
                "accuracy": right[:half].double().mean().item(),
                "others": right[half:].double().mean().item(),
            }
        )
        print(found[-1], flush=True)
    for row, right in zip(found, rights, strict=True):  # of the images that choose: on which it and the twin differ
        row["apart"] = None if twin is None else (right[:half] != twin[:half]).sum().item()
    return found


@torch.no_grad()
def fastest_ms(sheet, rounds):
    """Fill the milliseconds of an image: the fastest of many calls, all forms in turn, each warm from a call before."""
    made = [row for row in sheet.rows if row.built]
    for row in made:
        row.ms = float("inf")
    for _ in range(2 if runtime.quick() else rounds):
        for row in made:
            row.built.call(sheet.example)  # what ran before must not decide what lies in the caches
            start = time.perf_counter()
            row.built.call(sheet.example)
            row.ms = min(row.ms, 1e3 * (time.perf_counter() - start))


@torch.no_grad()
def answers(row, images):
    """The classes that a form gives; one image at a time, where a call takes one, or rounds all that it gets alike."""
    alone = row.built.module is None or row.name == ways.DYNAMIC
    return torch.cat([row.built.call((part,)).argmax(1) for part in images.split(1 if alone else 500)])
