from __future__ import annotations

import subprocess
import sys

import pytest

from sluiceway.core.errors import OutsideError
from sluiceway.local.embedded import EmbeddedAws

# In processes of their own: the embedded AWS of the other tests runs in this one, and only one can.
TWICE = """
import asyncio, logging, threading
from sluiceway.adapters.clients import Clients
from sluiceway.local.embedded import EmbeddedAws

async def use(endpoint):
    async with Clients(endpoint) as clients:
        sqs = await clients.open("sqs")
        assert "QueueUrls" not in await sqs.list_queues() or not (await sqs.list_queues())["QueueUrls"]
        assert (await sqs.create_queue(QueueName="q"))["QueueUrl"].startswith(endpoint)

for _ in range(2):
    with EmbeddedAws() as aws:
        assert aws.endpoint.startswith("http://127.0.0.1:")
        asyncio.run(use(aws.endpoint))
    assert threading.enumerate() == [threading.main_thread()], threading.enumerate()
assert logging.root.handlers == []
"""
NOT_INSTALLED = """
import sys
from sluiceway.core.errors import OutsideError
from sluiceway.local.embedded import EmbeddedAws

sys.modules["ministack.app"] = None
try:
    EmbeddedAws().__enter__()
except OutsideError as error:
    print(error)
"""


def run(script: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-W", "error", "-c", script]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_it_starts_empty_each_time_and_leaves_no_thread_and_no_word_behind() -> None:
    done = run(TWICE)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_without_the_extra_the_error_says_what_to_install() -> None:
    done = run(NOT_INSTALLED)
    assert done.stderr == ""
    assert "pip install 'sluiceway[local]'" in done.stdout


@pytest.mark.usefixtures("aws")
def test_a_second_one_in_the_same_process_is_refused() -> None:
    with pytest.raises(OutsideError, match="already runs in this process"):
        EmbeddedAws().__enter__()
