"""`sluiceway demo`, as a person or a build runs it: through a pipe, to the end or until Ctrl-C."""

from __future__ import annotations

import re
import signal
import socket
import subprocess
import sys

import pytest

START = "from sluiceway.cli import main; main()"


def demo(code: str = START) -> subprocess.Popen[str]:
    command = [sys.executable, "-W", "error", "-c", code, "demo"]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def finished(code: str = START) -> tuple[int, str, str]:
    with demo(code) as process:
        out, err = process.communicate(timeout=45)
    return process.returncode, out, err


@pytest.fixture(scope="module")
def output() -> str:
    code, out, err = finished()
    assert (code, err) == (0, "")
    return out


def test_the_sums_account_for_every_message_that_was_sent(output: str) -> None:
    sums = dict(re.findall(r"^(accepted|dropped|dead-lettered|still queued|total) +(\d+)(?: |$)", output, re.MULTILINE))
    assert sums == {"accepted": "9", "dropped": "3", "dead-lettered": "5", "still queued": "0", "total": "17"}
    assert re.search(r"^total +17  of 17 sent +\d+\.\d s; A-1008 came twice", output, re.MULTILINE)


@pytest.mark.parametrize(
    "row",
    [
        r"A-1001 .*accepted +bus, partner",
        r"A-1004 .*unpaid +dropped +only-paid +no pattern matched",
        r"A-1006 .*1\.2 MB.*accepted +bus, partner",
        r"A-1010 .*accepted +bus, partner +at the second attempt: .*/customers/9 answered 503",
        r'A-1011 .*dead-lettered +shop-orders-dlq +our-words invalid: .*"\?"',
        r"A-1012 .*broken JSON +dead-lettered +shop-orders-dlq +as-agreed invalid: the body is not valid JSON",
        r"A-1014 .*dead-lettered +shop-orders-dlq +add-customer missing: .*answered 404",
    ],
)
def test_each_message_has_a_row_with_its_outcome_its_place_and_its_reason(output: str, row: str) -> None:
    assert re.search(f"^{row}", output, re.MULTILINE)


def test_an_order_that_came_twice_is_two_messages_with_an_id_each(output: str) -> None:
    ids = re.findall(r"^A-1008 +([0-9a-f]{8}) .*accepted", output, re.MULTILINE)
    assert len(ids) == len(set(ids)) == 2


def test_it_says_where_the_file_is_what_drifted_and_what_to_try_next(output: str) -> None:
    assert "pipelines/shop-orders.yaml" in output
    assert "body.gift_wrap" in output
    for command in ("lint", "test", "dev"):
        assert re.search(rf"^  sluiceway {command} \S*pipelines/shop-orders.yaml$", output, re.MULTILINE)


def test_nothing_is_coloured_or_drawn_through_a_pipe(output: str) -> None:
    assert "\x1b" not in output
    assert "\r" not in output


@pytest.mark.parametrize("when", ["AWS is at", "queues ", "the worker runs"])
def test_ctrl_c_leaves_nothing_running_and_says_nothing(when: str) -> None:
    with demo() as process:
        assert process.stdout is not None
        shown = ""
        while when not in shown:
            line = process.stdout.readline()
            assert line, f"the demo ended before it said {when!r}"
            shown += line
        process.send_signal(signal.SIGINT)
        rest, err = process.communicate(timeout=20)
    assert process.returncode == 130
    assert err == ""
    for port in re.findall(r"http://127\.0\.0\.1:(\d+)", shown + rest):
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", int(port)), timeout=1)


def test_what_comes_out_differently_than_expected_fails_the_demo() -> None:
    changed = """
from dataclasses import replace
from sluiceway.local import shop
first, *rest = shop.ORDERS
shop.ORDERS = (replace(first, becomes="dropped", at="only-paid"), *rest)
"""
    code, out, err = finished(f"{changed}\n{START}")
    assert code == 1
    assert re.search(r"A-1001 \(\S+\) was to be dropped and is accepted", err)
    assert "started" in err  # the worker's log, to find out why
    assert re.search("^total +17  of 17 sent", out, re.MULTILINE)


def test_without_the_local_extra_it_says_what_to_install() -> None:
    code, _, err = finished(f"import sys; sys.modules['ministack'] = None; {START}")
    assert code == 3
    assert "pip install 'sluiceway[local]'" in err
    assert "Traceback" not in err
