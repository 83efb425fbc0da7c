"""The whole sheet at once, as the command `weigh` does it."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from torch import Tensor, nn

from weigh import ways
from weigh.result import checked, front, table
from weigh.sheet import JUDGE_S, Sheet, bytes_of, layers_of, look
from weigh.shipped import ship


def weigh(
    model: nn.Module,
    batches: Sequence[object],
    *,
    labels: object = None,
    train: Callable[[nn.Module], object] | None = None,
    answer: Callable[[Tensor], Tensor] | None = None,
    limits: Mapping[str, float] | None = None,
    folder: Path | str = ".",
    minutes: float = 5.0,
    say: Callable[..., object] = print,
) -> tuple[Sheet, dict]:
    """The whole sheet at once: look, bytes, time by layer, every way that fits, the cuts, the table, the files.

    Args:
        model, batches, labels, train, answer: as for `look`.
        limits: as for `recommend`.
        folder: where `your_model.*` (or `closest_model.*`, see `ship`) and `report.json` go.
        minutes: after which no further way is begun; the rest is then left out with a sentence.
        say: is told what is going on, and what came of it.
    Returns:
        The sheet, and the report (see `ship`).
    Raises:
        ValueError: an unknown limit, before anything is run; what `look` raises.
    """
    start = time.perf_counter()
    checked(limits)
    more = max(1.0, minutes / 5)
    sheet = look(model, batches, labels=labels, train=train, answer=answer, seconds=JUDGE_S * more)
    if "accuracy" in (limits or {}) and sheet.labels is None:
        raise ValueError("the limit accuracy needs labels: give them behind model and batches, or limit agreement")
    sheet.ends, sheet.step = start + 45 * minutes, 60 * more  # the rest is for the clock
    for part in (sheet, bytes_of(sheet), layers_of(sheet)):
        say(f"{part}\n")
    found = ways.routes(sheet)
    ways.run(sheet, ways=[way for way in found if not way.compiled], clock=False, say=say)
    ways.blame(sheet, clock=False)
    ways.cut(sheet, clock=False, say=say)
    # a compiler takes its time: all else comes first
    ways.run(sheet, ways=[way for way in found if way.compiled], clock=False, say=say)
    say("… time of all, in turn")
    ways.clocked(sheet, sheet.rows)
    if ways.cut_then_int8(sheet, clock=False):
        ways.clocked(sheet, sheet.rows[-1:])
    front(sheet.rows)
    report = ship(sheet, limits, folder)
    say(f"\n{table(sheet, clock=False)}\n\n{report['recommendation']}\n{report['opened_elsewhere']}")
    return sheet, report
