"""Each rule of docs/event-patterns.md at MiniStack and moto: where they answer otherwise stands in docs/emulators.md.

Expected is what that page says, right or wrong. When an upgrade makes this fail, the page changes with it.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

from botocore.exceptions import ClientError
from tests.conformance.pattern_rules import Rule, rules
from tests.contract.emulators import Emulator, Queue, answer

PAGE = Path(__file__).parents[2] / "docs" / "emulators.md"
ROW = re.compile(r"\| (.+) \| (matches|no match|refused) \| \**([a-z ]+?)\** \| \**([a-z ]+?)\** \|")
RULES = {rule.name: rule for rule in rules()}


def told(column: int) -> dict[str, str]:
    """Read what an emulator answers from the page; as it should, where the page has no other."""
    said = {rule.name: rule.answer for rule in RULES.values()}
    for names, documented, *answers in ROW.findall(PAGE.read_text().partition("## Event patterns")[2]):
        listed = re.findall(r"`([a-z0-9-]+)`", names) or [name for name in said if RULES[name].answer == "refused"]
        assert {RULES[name].answer for name in listed} == {documented}
        said |= dict.fromkeys(listed, answers[column])
    return said


def by_call(emulator: Emulator, rule: Rule) -> str:
    """Ask `TestEventPattern`."""
    try:
        said = emulator.client("events").test_event_pattern(EventPattern=under_detail(rule), Event=event_of(rule))
    except ClientError as error:
        return "refused" if "InvalidEventPattern" in error.response["Error"]["Code"] else "fails"
    return "matches" if said["Result"] else "no match"


def under_detail(rule: Rule) -> str:
    return f'{{"source": ["{rule.name}"], "detail": {rule.pattern}}}'


def event_of(rule: Rule) -> str:
    return f'{{"source": "{rule.name}", "detail-type": "x", "detail": {rule.event}}}'


def by_rule(emulator: Emulator, name: str) -> dict[str, str]:
    """Send events through a rule to a queue, as moto has no `TestEventPattern`; an event's source tells its rule."""
    events, queue = emulator.client("events"), Queue(emulator, name)
    events.create_event_bus(Name=name)
    of_bus = {"Rule": name, "EventBusName": name, "Targets": [{"Id": "queue", "Arn": queue.arn}]}
    said: dict[str, str] = {}
    for rule in RULES.values():
        put = answer(events.put_rule, Name=name, EventBusName=name, EventPattern=under_detail(rule))
        if put != "ok":
            said[rule.name] = "refused" if "InvalidEventPattern" in put else "fails"
            continue
        events.put_targets(**of_bus)
        entry = {"Source": rule.name, "DetailType": "x", "Detail": rule.event, "EventBusName": name}
        said[rule.name] = "no match" if answer(events.put_events, Entries=[entry]) == "ok" else "fails"
    while messages := queue.receive():
        said |= {json.loads(message["Body"])["source"]: "matches" for message in messages}
    return said


def test_what_they_say_to_each_rule(emulator: Emulator, name: str) -> None:
    if emulator.name == "ministack":
        said = {rule.name: by_call(emulator, rule) for rule in RULES.values()}
    else:
        said = by_rule(emulator, name)
    expected = told(emulator.either(ministack=0, moto=1))
    assert {rule: got for rule, got in said.items() if got != expected[rule]} == {}
    right = sum(got == RULES[rule].answer for rule, got in said.items())
    counted = emulator.either(ministack=f"MiniStack in {right} of {len(RULES)}", moto=f"moto in {right}.")
    assert counted in " ".join(PAGE.read_text().split())


def test_a_pattern_can_be_tested_at_ministack_alone(emulator: Emulator) -> None:
    said = emulator.client("events").test_event_pattern(EventPattern='{"a": [1]}', Event='{"a": 1}')
    assert said.get("Result") is emulator.either(ministack=True, moto=None)
