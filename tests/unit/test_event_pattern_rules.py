"""docs/event-patterns.md, rule by rule: the page is what is tested."""

from __future__ import annotations

import json
from collections import Counter

import pytest
from tests.conformance import patterns
from tests.conformance.naive_event_pattern import naive
from tests.conformance.pattern_rules import Rule, limits, rules

from sluiceway.core.errors import InvalidPattern
from sluiceway.core.event_pattern import EventPattern

RULES = rules()


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_the_rule_holds(rule: Rule) -> None:
    if rule.answer == "refused":
        with pytest.raises(InvalidPattern):
            EventPattern(rule.pattern)
        return
    pattern, event = EventPattern(rule.pattern), json.loads(rule.event)
    assert pattern.matches(event) is (rule.answer == "matches")
    assert (pattern.mismatch(event) is None) is (rule.answer == "matches")
    assert EventPattern(json.loads(rule.pattern)) == pattern  # a mapping means what its text does


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_the_naive_matcher_says_the_same(rule: Rule) -> None:
    assert naive(json.loads(rule.pattern), json.loads(rule.event)) == rule.answer


def test_each_rule_and_each_limit_has_a_name_of_its_own() -> None:
    names = Counter([*(rule.name for rule in RULES), *limits()])
    assert [name for name, count in names.items() if count > 1] == []


def test_patterns_and_events_drawn_by_chance_get_the_same_answer_from_both(capsys: pytest.CaptureFixture[str]) -> None:
    assert patterns.main(2000) == 0, capsys.readouterr().out
