"""How the queues of MiniStack and moto behave: what docs/emulators.md says of them.

Expected is what they do, right or wrong. When an upgrade makes one of these fail, the page changes with it.
"""

from __future__ import annotations

import json
from itertools import product

import pytest
from tests.contract.emulators import Emulator, Queue, answer

INVALID = "ReceiptHandleIsInvalid"


@pytest.fixture(params=["standard", "fifo"])
def queue(request: pytest.FixtureRequest, emulator: Emulator, name: str) -> Queue:
    """A queue of each kind at each emulator."""
    return Queue(emulator, name, fifo=request.param == "fifo")


@pytest.fixture
def fifo(emulator: Emulator, name: str) -> Queue:
    return Queue(emulator, name, fifo=True)


@pytest.fixture
def standard(emulator: Emulator, name: str) -> Queue:
    return Queue(emulator, name)


def fill(queue: Queue, group: str = "g", count: int = 4) -> None:
    for n in range(count):
        assert queue.send(f"{group}{n}", group=group) == "ok"


def test_a_delete_after_the_visibility_timeout_deletes_as_long_as_nobody_received_the_message_since(
    queue: Queue,
) -> None:
    queue.send("a")
    (message,) = queue.receive()
    queue.hold(message, 0)
    assert queue.delete(message) == "ok"
    assert queue.bodies() == []


def test_each_receipt_has_a_handle_of_its_own_and_is_counted(queue: Queue) -> None:
    queue.send("a")
    (first,) = queue.receive()
    queue.hold(first, 0)
    (second,) = queue.receive()
    assert first["ReceiptHandle"] != second["ReceiptHandle"]
    counts = [int(message["Attributes"]["ApproximateReceiveCount"]) for message in (first, second)]
    assert counts == [1, 2]


def test_an_old_handle_is_refused_by_ministack_and_deletes_at_moto(emulator: Emulator, queue: Queue) -> None:
    queue.send("a")
    (old,) = queue.receive()
    queue.hold(old, 0)
    (held,) = queue.receive()
    assert queue.delete(old) == emulator.either(ministack=INVALID, moto="ok")
    queue.hold(held, 0)
    assert queue.bodies() == emulator.either(ministack=["a"], moto=[])


def test_an_old_handle_takes_the_lease_of_the_new_one_away_at_moto(emulator: Emulator, queue: Queue) -> None:
    queue.send("a")
    (old,) = queue.receive()
    queue.hold(old, 0)
    assert len(queue.receive()) == 1
    assert queue.hold(old, 0) == emulator.either(ministack=INVALID, moto="ok")
    assert queue.bodies() == emulator.either(ministack=[], moto=["a"])


def test_the_visibility_of_a_message_that_is_not_in_flight_can_be_changed(queue: Queue) -> None:
    queue.send("a")
    (message,) = queue.receive()
    queue.hold(message, 0)
    assert queue.hold(message, 30) == "ok"
    assert queue.bodies() == []


def test_of_a_deleted_message_ministack_says_that_the_handle_is_invalid(emulator: Emulator, queue: Queue) -> None:
    queue.send("a")
    (message,) = queue.receive()
    assert queue.delete(message) == "ok"
    assert queue.delete(message) == emulator.either(ministack=INVALID, moto="ok")
    entry = {"Id": "0", "ReceiptHandle": message["ReceiptHandle"]}
    again = answer(queue.sqs.delete_message_batch, QueueUrl=queue.url, Entries=[entry])
    assert again == emulator.either(ministack=INVALID, moto="ok")
    assert queue.hold(message, 30) == INVALID
    entries = [{**entry, "VisibilityTimeout": 30}]
    assert answer(queue.sqs.change_message_visibility_batch, QueueUrl=queue.url, Entries=entries) == INVALID


def test_what_was_never_a_handle_fails_alone(queue: Queue) -> None:
    queue.send("a")
    (message,) = queue.receive()
    entries = [{"Id": "0", "ReceiptHandle": "made up"}, {"Id": "1", "ReceiptHandle": message["ReceiptHandle"]}]
    assert answer(queue.sqs.delete_message_batch, QueueUrl=queue.url, Entries=entries) == f"{INVALID} ok"


def test_moto_alone_ends_a_lease_after_twelve_hours_in_all(emulator: Emulator, standard: Queue) -> None:
    standard.send("a")
    (message,) = standard.receive()
    invalid = emulator.either(ministack="ok", moto="InvalidParameterValue")
    assert [standard.hold(message, seconds) for seconds in (43_200, 43_201)] == [invalid, invalid]
    assert standard.hold(message, 43_100) == "ok"
    assert standard.hold(message, -1) == "ok"


def test_a_long_poll_brings_what_becomes_visible_while_it_waits(emulator: Emulator, name: str) -> None:
    queue = Queue(emulator, name, VisibilityTimeout="1")
    queue.send("a")
    queue.receive()
    assert len(queue.receive(WaitTimeSeconds=2)) == 1


def test_a_standard_queue_keeps_the_order_and_hands_out_all_that_it_is_asked_for(standard: Queue) -> None:
    fill(standard, count=12)
    assert standard.bodies() == [f"g{n}" for n in range(10)]
    assert standard.bodies() == ["g10", "g11"]


def test_a_group_on_a_standard_queue_is_handed_out_and_blocks_nothing(standard: Queue) -> None:
    for n in range(2):
        assert standard.send(str(n), MessageGroupId="tenant") == "ok"
    messages = [*standard.receive(1), *standard.receive(1)]
    assert [message["Attributes"]["MessageGroupId"] for message in messages] == ["tenant", "tenant"]
    assert all(len(message["Attributes"]["SentTimestamp"]) == 13 for message in messages), "milliseconds"


def test_a_group_is_blocked_while_one_of_its_messages_is_in_flight(fifo: Queue) -> None:
    fill(fifo, "a")
    fill(fifo, "b", 1)
    first, second = fifo.receive(2)
    assert (first["Body"], second["Body"]) == ("a0", "a1")
    assert fifo.bodies() == ["b0"]
    fifo.delete(first)
    assert fifo.bodies() == []
    fifo.delete(second)
    assert fifo.bodies() == ["a2", "a3"]


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_whichever_way_messages_are_released_their_group_comes_again_in_order(
    fifo: Queue, order: tuple[int, int]
) -> None:
    fill(fifo)
    held = fifo.receive(2)
    for place in order:
        assert fifo.bodies() == []
        fifo.hold(held[place], 0)
    assert fifo.bodies() == ["g0", "g1", "g2", "g3"]


def test_messages_of_two_groups_come_in_the_order_in_which_they_were_sent(fifo: Queue) -> None:
    for n, group in product(range(2), "ab"):
        fifo.send(f"{group}{n}", group=group)
    assert fifo.bodies(2) == ["a0", "b0"], "AWS would rather hand out a0 and a1"


def test_moto_forgets_a_deduplication_id_with_its_message(emulator: Emulator, fifo: Queue) -> None:
    assert [fifo.send(body, dedup="d") for body in ("1", "2")] == ["ok", "ok"]
    (message,) = fifo.receive()
    assert message["Body"] == "1"
    fifo.delete(message)
    assert fifo.send("3", dedup="d") == "ok"
    assert fifo.bodies() == emulator.either(ministack=[], moto=["3"])


def test_content_based_deduplication_looks_at_the_body_alone(emulator: Emulator, name: str) -> None:
    queue = Queue(emulator, name, fifo=True, ContentBasedDeduplication="true")
    attribute = {"a": {"DataType": "String", "StringValue": "v"}}
    request = {"QueueUrl": queue.url, "MessageBody": "same", "MessageGroupId": "g"}
    assert answer(queue.sqs.send_message, **request) == "ok"
    assert answer(queue.sqs.send_message, **request, MessageAttributes=attribute) == "ok"
    assert queue.bodies() == ["same"]


def test_a_receive_that_is_repeated_under_its_attempt_id_brings_nothing(fifo: Queue) -> None:
    fill(fifo)
    assert len(fifo.receive(ReceiveRequestAttemptId="a")) == 4
    assert fifo.receive(ReceiveRequestAttemptId="a") == []


def test_a_message_is_moved_when_it_was_received_more_often_than_the_redrive_policy_allows(
    queue: Queue, emulator: Emulator, name: str
) -> None:
    is_fifo = queue.url.endswith(".fifo")
    policy = json.dumps({"deadLetterTargetArn": queue.arn, "maxReceiveCount": 2})
    source = Queue(emulator, f"{name}-source", fifo=is_fifo, RedrivePolicy=policy)
    source.send("a")
    for _ in range(2):
        (message,) = source.receive()
        source.hold(message, 0)
    assert source.bodies() == []
    (moved,) = queue.receive()
    assert moved["MessageId"] == message["MessageId"]
    assert moved["Attributes"]["ApproximateReceiveCount"] == "3"


def test_ministack_lets_a_fifo_queue_have_a_standard_dead_letter_queue(
    emulator: Emulator, standard: Queue, name: str
) -> None:
    policy = json.dumps({"deadLetterTargetArn": standard.arn, "maxReceiveCount": 2})
    attributes = {"FifoQueue": "true", "RedrivePolicy": policy}
    created = answer(standard.sqs.create_queue, QueueName=f"{name}-source.fifo", Attributes=attributes)
    assert created == emulator.either(ministack="ok", moto="InvalidParameterCombination")


def test_neither_moves_messages_back_from_a_dead_letter_queue(emulator: Emulator, standard: Queue) -> None:
    started = answer(standard.sqs.start_message_move_task, SourceArn=standard.arn)
    assert started == emulator.either(ministack="InvalidAction", moto="500")


def test_moto_alone_refuses_to_purge_twice_in_a_minute(emulator: Emulator, standard: Queue) -> None:
    assert answer(standard.sqs.purge_queue, QueueUrl=standard.url) == "ok"
    again = answer(standard.sqs.purge_queue, QueueUrl=standard.url)
    assert again == emulator.either(ministack="ok", moto="PurgeQueueInProgress")
