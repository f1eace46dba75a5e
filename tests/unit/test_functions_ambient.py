"""Time and chance in expressions are those of the run."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path

from sluiceway.core.ambient import within
from sluiceway.core.expression import Expression
from sluiceway.testing import run_pipeline

PIPELINE = """
version: 1
name: stamped
source: {use: memory}
stages:
  - use: translate
    with: {map: {id: {jmes: uuid()}, at: {jmes: now()}}}
sinks:
  - use: memory
"""


def stamps() -> list[object]:
    ran = run_pipeline(PIPELINE, [{"body": {}}, {"body": {}}])
    return [message.body for message in ran.sinks["memory"]]


def test_each_message_has_an_id_of_its_own_and_every_run_the_same() -> None:
    first, second = stamps()
    assert first != second
    assert stamps() == [first, second]


def test_workers_side_by_side_have_each_their_own_time_and_chance() -> None:
    expression = Expression(jmes="[now(), uuid()]")

    async def work(seed: int) -> list[object]:
        with within(lambda: float(seed), random.Random(seed)):  # noqa: S311 - repeatable
            made: list[object] = []
            for _ in range(2):
                await asyncio.sleep(0)
                made.append(expression.evaluate({}))
            return made

    async def both() -> list[list[object]]:
        return await asyncio.gather(work(1), work(2))

    one, two = asyncio.run(both())
    assert [one, two] == [asyncio.run(work(1)), asyncio.run(work(2))]
    assert one != two


def test_outside_a_run_ids_differ() -> None:
    assert Expression(jmes="uuid()").evaluate({}) != Expression(jmes="uuid()").evaluate({})


BLOCKING = '''
from sluiceway import Expression, Message, stage

MADE = Expression(jmes="[now(), uuid()]")


@stage(blocking=True)
def stamp(message: Message) -> Message:
    """Stamp."""
    return message.with_body(MADE.evaluate(message.view))
'''


def test_a_stage_in_a_thread_has_them_too(tmp_path: Path) -> None:
    (tmp_path / "stamps.py").write_text(BLOCKING)
    file = tmp_path / "pipeline.yaml"
    file.write_text(
        "version: 1\nname: stamped\nplugins: [./stamps.py]\nsource: {use: memory}\n"
        'stages: [{use: "./stamps.py:stamp"}]\n'
        "sinks: [{use: memory}]\n"
    )
    runs = [run_pipeline(file, [{"body": {}}]).sinks["memory"][0].body for _ in range(2)]
    assert runs[0] == runs[1]
