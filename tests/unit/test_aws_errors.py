from __future__ import annotations

import aiohttp
import pytest
from botocore import exceptions as boto
from botocore.parsers import ResponseParserError
from hypothesis import given
from hypothesis import strategies as st

from sluiceway.adapters.aws_errors import AWS_ERRORS, classify, failure_of_each, is_absent
from sluiceway.core.errors import OutsideError, Reject, Transient


def answer(code: str, status: int = 400, **headers: str) -> boto.ClientError:
    return boto.ClientError(
        {
            "Error": {"Code": code, "Message": "words"},
            "ResponseMetadata": {"HTTPStatusCode": status, "HTTPHeaders": headers},  # type: ignore[typeddict-item] # what is read of it
        },
        "SendMessage",
    )


@pytest.mark.parametrize(
    "error",
    [
        answer("ThrottlingException"),
        answer("RequestThrottled"),
        answer("SlowDown", 503),
        answer("InternalFailure"),
        answer("SomethingNew", 500),
        answer("TooManyRequests", 429),
        answer("AccessDenied", 503),
        boto.ConnectTimeoutError(endpoint_url="u"),
        boto.ReadTimeoutError(endpoint_url="u"),
        boto.EndpointConnectionError(endpoint_url="u"),
        boto.ConnectionClosedError(endpoint_url="u"),
        boto.HTTPClientError(error="x"),
        aiohttp.ClientPayloadError("cut off"),
        ResponseParserError("<html>"),
        TimeoutError(),
    ],
)
def test_what_passes_is_transient(error: Exception) -> None:
    assert isinstance(error, AWS_ERRORS)
    assert isinstance(classify(error, "queue q"), Transient)


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (answer("AccessDenied", 403), "allow SendMessage on it"),
        (answer("KMS.AccessDeniedException"), "access is denied"),
        (answer("AWS.SimpleQueueService.NonExistentQueue"), "does not exist: create it"),
        (answer("NoSuchBucket", 404), "does not exist"),
        (answer("ExpiredToken"), "renew or correct them"),
        (answer("SignatureDoesNotMatch", 403), "credentials"),
        (boto.NoRegionError(), "set AWS_REGION"),
        (boto.NoCredentialsError(), "set AWS_ACCESS_KEY_ID"),
        (boto.ProfileNotFound(profile="p"), "cannot be called"),
    ],
)
def test_what_an_operator_must_put_right_says_what_to_do(error: Exception, said: str) -> None:
    failure = classify(error, "queue q")
    assert isinstance(failure, OutsideError)
    assert said in str(failure)
    assert "queue q" in str(failure)
    assert isinstance(failure_of_each(error, "queue q"), Transient)


@pytest.mark.parametrize(
    "error", [answer("InvalidMessageContents"), answer("ValidationException"), boto.ParamValidationError(report="no")]
)
def test_what_the_service_refuses_is_rejected(error: Exception) -> None:
    failure = classify(error, "queue q")
    assert isinstance(failure, Reject)
    assert failure.error == "refused"


def test_the_wait_that_the_service_asks_for_is_passed_on() -> None:
    waits = [answer("Throttling", 400, **{"retry-after": text}) for text in ("12", "soon", "")]
    assert [getattr(classify(error, "q"), "retry_after", "none") for error in waits] == [12.0, None, None]


@given(st.text(max_size=20), st.integers(100, 599))
def test_whatever_aws_answers_it_means_one_of_three_things(code: str, status: int) -> None:
    failure = classify(answer(code, status), "queue q")
    assert isinstance(failure, Transient | Reject | OutsideError)
    assert "\n" not in str(failure).replace(code, "")


def test_only_an_answer_that_says_so_makes_a_resource_absent() -> None:
    assert is_absent(answer("404", 404))
    assert is_absent(answer("QueueDoesNotExist"))
    assert not is_absent(answer("AccessDenied", 403))
    assert not is_absent(boto.EndpointConnectionError(endpoint_url="u"))


PAGE = f"<!DOCTYPE html><html><style>p {{x: y}}</style>\n<body><h1>502</h1>{'<p>words</p>' * 500}</body></html>"


@pytest.mark.parametrize(
    "error",
    [
        boto.ClientError(
            {"Error": {"Code": "502", "Message": PAGE}, "ResponseMetadata": {"HTTPStatusCode": 502}},  # type: ignore[typeddict-item] # what is read of it
            "SendMessage",
        ),
        ResponseParserError(f"Unable to parse response:\n{PAGE.encode()!r}"),
    ],
)
def test_a_page_of_a_gateway_is_one_short_line(error: Exception) -> None:
    said = str(classify(error, "queue q"))
    assert "502 words words" in said
    assert len(said) < 250
    assert not set("\n<>{") & set(said)
