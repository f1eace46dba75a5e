"""What an error of the AWS client means for us: try again, give up on this message, or tell the operator."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final, cast
from urllib.parse import urlsplit

import aiohttp
from botocore import exceptions as boto
from botocore.parsers import ResponseParserError

from sluiceway.core.errors import MessageError, OutsideError, Reject, Transient

_CONNECTION: Final = (
    boto.ConnectionError,
    boto.HTTPClientError,
    ResponseParserError,
    UnicodeDecodeError,  # botocore's parser, of an answer that is neither JSON nor text
    aiohttp.ClientError,
    TimeoutError,
)

AWS_ERRORS: Final = (boto.BotoCoreError, boto.ClientError, *_CONNECTION)
"""All that a call through the AWS client raises when the outside fails; anything else is a bug."""

_THROTTLES: Final = frozenset(
    {
        "BandwidthLimitExceeded",
        "KmsThrottled",
        "LimitExceededException",
        "OverLimit",
        "PriorRequestNotComplete",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "RequestThrottled",
        "RequestThrottledException",
        "SlowDown",
        "ThrottledException",
        "Throttling",
        "ThrottlingException",
        "TooManyRequestsException",
    }
)
_FAULTS: Final = frozenset(
    {
        "InternalError",
        "InternalException",
        "InternalFailure",
        "InternalServerError",
        "InternalServiceError",
        "OperationAborted",
        "RequestTimeout",
        "RequestTimeoutException",
        "ServiceUnavailable",
        "ServiceUnavailableException",
    }
)
_ABSENT: Final = frozenset(
    {
        "AWS.SimpleQueueService.NonExistentQueue",
        "NoSuchBucket",
        "NonExistentQueue",
        "ParameterNotFound",
        "QueueDoesNotExist",
        "ResourceNotFoundException",
    }
)
_DENIED: Final = frozenset(
    {
        "AccessDenied",
        "AccessDeniedException",
        "AllAccessDisabled",
        "AuthorizationError",
        "KmsAccessDenied",
        "KMS.AccessDeniedException",
        "KMSAccessDeniedException",
        "NotAuthorized",
        "UnauthorizedOperation",
    }
)
_CREDENTIALS: Final = frozenset(
    {
        "ExpiredToken",
        "ExpiredTokenException",
        "IncompleteSignature",
        "InvalidAccessKeyId",
        "InvalidClientTokenId",
        "InvalidSecurity",
        "MissingAuthenticationToken",
        "OptInRequired",
        "RequestExpired",
        "SignatureDoesNotMatch",
        "UnrecognizedClientException",
    }
)


_LONGEST: Final = 200
"""Characters of what AWS said, in an error of ours."""

_MARKUP: Final = re.compile(r"<(style|script)\b.*?</\1>|</?[a-zA-Z!?][^>]*>", re.DOTALL | re.IGNORECASE)


def classify(error: Exception, subject: str) -> Transient | Reject | OutsideError:
    """Say what an error of an AWS call means.

    Args:
        error: One of `AWS_ERRORS`.
        subject: What was called, for the sentence: "queue shop-orders".

    Returns:
        Transient: throttled, down, slow or unreachable. OutsideError: absent or denied, or our credentials are
        wrong. Reject: the service refuses what we sent, and would again.
    """
    if isinstance(error, boto.ClientError):
        return _classify_answer(error, subject)
    if isinstance(error, _CONNECTION):
        return Transient(f"{subject}: no answer from AWS: {_one_line(error)}")
    if isinstance(error, boto.ParamValidationError):
        return Reject(f"{subject}: the AWS client refuses the call: {_one_line(error)}", error="refused")
    return explain_setup(error, subject)


def failure_of_each(error: Exception, subject: str) -> MessageError:
    """Say what an error of a whole call means for each message in it.

    A denied or vanished resource fails every message alike and is put right by an operator, not by giving up on
    messages. So it is Transient for them: they stay in their queue, and the engine pauses and says why.
    """
    failure = classify(error, subject)
    return Transient(str(failure)) if isinstance(failure, OutsideError) else failure


def is_absent(error: Exception) -> bool:
    """Tell whether an AWS call failed because what it named does not exist."""
    return isinstance(error, boto.ClientError) and (error_code(error) in _ABSENT or _status(error) == 404)


def unreachable_endpoint(error: BaseException | None) -> str | None:
    """Return the URL at which nobody can be connected to, when that made a call fail; else None."""
    if isinstance(error, OutsideError):
        return unreachable_endpoint(error.__cause__)
    if not isinstance(error, boto.EndpointConnectionError | boto.ConnectTimeoutError):
        return None
    url = urlsplit(str(error.kwargs.get("endpoint_url", "")))
    return f"{url.scheme}://{url.netloc}"


def is_transient_code(code: str) -> bool:
    """Tell whether a code, of a call or of one entry in a batch, stands for a fault or throttle that passes."""
    return code in _THROTTLES or code in _FAULTS


def is_denied_code(code: str) -> bool:
    """Tell whether a code, of a call or of one entry in a batch, stands for missing permission."""
    return code in _DENIED or code in _CREDENTIALS


def explain_setup(error: Exception, subject: str) -> OutsideError:
    """Turn an error of the client's own set-up (region, credentials, profile) into a sentence that says what to do."""
    if isinstance(error, boto.NoRegionError):
        return OutsideError(f"{subject}: no AWS region is set: set AWS_REGION, or `region` in your AWS profile")
    if isinstance(error, boto.NoCredentialsError | boto.PartialCredentialsError | boto.CredentialRetrievalError):
        return OutsideError(
            f"{subject}: no AWS credentials ({_one_line(error)}): set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, "
            "or AWS_PROFILE, or give the container a task role"
        )
    return OutsideError(f"{subject}: AWS cannot be called: {_one_line(error)}")


def error_code(error: boto.ClientError) -> str:
    """Return the service's code for an error, or an empty text."""
    return error.response.get("Error", {}).get("Code", "")


def _classify_answer(error: boto.ClientError, subject: str) -> Transient | Reject | OutsideError:
    code, status = error_code(error), _status(error)
    said = _short(f"{code}: {error.response.get('Error', {}).get('Message', '')}").rstrip(": ")
    if is_transient_code(code) or status == 429 or status >= 500:
        return Transient(f"{subject}: AWS answered {said}", retry_after=_retry_after(error))
    if code in _CREDENTIALS:
        return OutsideError(f"{subject}: AWS does not accept our credentials ({said}): renew or correct them")
    if code in _DENIED or status == 403:
        action = f"{error.operation_name} on it"
        return OutsideError(f"{subject}: access is denied ({said}): allow {action} in the role's IAM policy")
    if code in _ABSENT:
        return OutsideError(f"{subject} does not exist: create it, or correct its name, account or region ({said})")
    return Reject(f"{subject}: AWS refuses the call: {said}", error="refused")


def _status(error: boto.ClientError) -> int:
    return error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)


def _retry_after(error: boto.ClientError) -> float | None:
    headers = cast("Mapping[str, str]", error.response.get("ResponseMetadata", {}).get("HTTPHeaders", {}))
    value = headers.get("retry-after", "")
    return float(value) if value.isdigit() else None


def _one_line(error: Exception) -> str:
    return _short(str(error)) or type(error).__name__


def _short(text: str) -> str:
    """Return a text as one short line: a proxy or gateway before AWS answers with whole pages."""
    line = " ".join(_MARKUP.sub(" ", text[:10_000]).split())
    return line if len(line) <= _LONGEST else f"{line[:_LONGEST]}…"
