"""A short fuzzing of each target with every run of the tests; `make fuzz` goes on for as long as one likes."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from tests.fuzz import targets
from tests.fuzz.seeds import SEEDS
from tests.fuzz.strategies import INPUTS

fuzzed = settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@pytest.mark.parametrize("target", SEEDS)
def test_no_seed_shows_a_defect(target: str) -> None:
    run: Callable[[bytes], None] = getattr(targets, target)
    for seed in SEEDS[target]:
        run(seed)


@fuzzed
@given(INPUTS["loader"])
def test_any_file_is_a_pipeline_or_problems_inside_it(data: bytes) -> None:
    targets.loader(data)


@fuzzed
@given(INPUTS["settings"])
def test_any_json_under_with_is_settings_or_problems(data: bytes) -> None:
    targets.settings(data)


@fuzzed
@given(INPUTS["event_pattern"])
def test_any_pattern_is_refused_or_matches_any_event_or_not(data: bytes) -> None:
    targets.event_pattern(data)


@fuzzed
@given(INPUTS["expression"])
def test_any_expression_is_refused_or_has_a_value_or_rejects(data: bytes) -> None:
    targets.expression(data)


@fuzzed
@given(INPUTS["delivery"])
def test_whatever_sqs_hands_out_is_a_delivery(data: bytes) -> None:
    targets.delivery(data)


@fuzzed
@given(INPUTS["claim"])
def test_any_claim_passes_or_is_restored_or_rejected(data: bytes) -> None:
    targets.claim(data)


@fuzzed
@given(INPUTS["http_answer"])
def test_any_answer_over_http_ends_as_a_message_a_reject_or_a_wait(data: bytes) -> None:
    targets.http_answer(data)


@fuzzed
@given(INPUTS["dead_letter"])
def test_any_delivery_can_be_dead_lettered_and_had_again(data: bytes) -> None:
    targets.dead_letter(data)
