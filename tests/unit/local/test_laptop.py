from __future__ import annotations

import os
from pathlib import Path

import pytest

from sluiceway import load
from sluiceway.core.errors import OutsideError
from sluiceway.core.spec import Pipeline
from sluiceway.core.units import Duration
from sluiceway.local.embedded import EmbeddedAws
from sluiceway.local.laptop import create_for, only_emulator, with_short_polls

PIPELINE = """
version: 1
name: orders
source: {use: sqs, with: {queue: laptop-orders, WAIT}}
stages: [{use: claim_check.restore, with: {buckets: [BUCKET]}}]
sinks: [{use: memory}]
errors: {dead_letter: {use: sqs, with: {queue: laptop-orders-dlq}}}
"""


def pipeline(folder: Path, *, wait: str = "wait_time: 10s", bucket: str = "laptop-bodies") -> Pipeline:
    file = folder / "orders.yaml"
    file.write_text(PIPELINE.replace("WAIT", wait).replace("BUCKET", bucket))
    return load(file)


def wait_time(pipeline: Pipeline) -> object:
    return dict(pipeline.source.component)["wait_time"]


def test_nobody_s_configuration_comes_between_a_client_and_the_emulator(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "production")
    monkeypatch.setenv("AWS_ENDPOINT_URL_SQS", "https://elsewhere.example")
    monkeypatch.setenv("NO_PROXY", "internal.example")
    with only_emulator("http://127.0.0.1:1", MORE="1"):
        assert "AWS_PROFILE" not in os.environ
        assert "AWS_ENDPOINT_URL_SQS" not in os.environ
        assert os.environ["AWS_ENDPOINT_URL"] == "http://127.0.0.1:1"
        assert os.environ["NO_PROXY"] == "internal.example,127.0.0.1"
        assert os.environ["MORE"] == "1"


def test_the_environment_is_as_it_was_afterwards(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "production")
    before = dict(os.environ)
    with pytest.raises(KeyboardInterrupt), only_emulator("http://127.0.0.1:1", MORE="1"):
        raise KeyboardInterrupt
    assert dict(os.environ) == before


def test_a_long_poll_becomes_short_and_a_shorter_one_stays(tmp_path: Path) -> None:
    assert wait_time(with_short_polls(pipeline(tmp_path))) == Duration("1s")
    assert wait_time(with_short_polls(pipeline(tmp_path, wait="wait_time: 0s"))) == 0


def test_a_source_that_does_not_poll_stays_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "memory.yaml").write_text("version: 1\nname: m\nsource: {use: memory}\nsinks: [{use: memory}]\n")
    memory = load(tmp_path / "memory.yaml")
    assert with_short_polls(memory) is memory


async def test_what_is_created_twice_is_there_once(aws: EmbeddedAws, tmp_path: Path) -> None:
    await create_for([pipeline(tmp_path)] * 2, aws.endpoint)
    await create_for([pipeline(tmp_path)], aws.endpoint)


async def test_what_the_emulator_refuses_is_something_outside(aws: EmbeddedAws, tmp_path: Path) -> None:
    with pytest.raises(OutsideError, match="cannot hold what the files name"):
        await create_for([pipeline(tmp_path, bucket="Not_A_Bucket!")], aws.endpoint)
