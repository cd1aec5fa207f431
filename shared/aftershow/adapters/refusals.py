"""What an AWS call that failed means for a message: declined for now, for good, or nobody knows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from botocore import exceptions as sdk
from botocore.parsers import ResponseParserError

from aftershow.adapters.calling import MENDED_SECONDS, SOON_SECONDS
from aftershow.ports.channels import Accepted, Ambiguous, Answer, Declined, Verdict

THROTTLED = {
    code: Verdict("throttled", again_after_seconds=SOON_SECONDS)
    for code in ("TooManyRequestsException", "ThrottlingException", "Throttling", "ThrottledException", "Throttled")
}
_FIRST_SERVER_ERROR = 500
# Raised before anything leaves the machine.
_NO_CONNECTION = (sdk.ConnectTimeoutError, sdk.EndpointConnectionError, sdk.ProxyConnectionError)
_NO_CREDENTIALS = (
    sdk.NoCredentialsError, sdk.PartialCredentialsError, sdk.CredentialRetrievalError, sdk.NoRegionError,
)  # fmt: skip

Table = Mapping[str, Verdict]


def attempted(call: Callable[[], Mapping[str, Any]], table: Table) -> Mapping[str, Any] | Declined | Ambiguous:
    """The answer of one call, or what its failure means by the service's own error table.

    The table's keys are error codes, or `Code:Reason` where the service gives a reason beside the code. What it
    doesn't name is the owner's to mend.
    """
    try:
        return call()
    except sdk.ClientError as error:
        return _refusal(error, table)
    except sdk.BotoCoreError as error:
        return _no_answer(error)
    except (ResponseParserError, LookupError, TypeError, ValueError, AttributeError):
        # The SDK's readers stumble over an answer of another shape than the service's, each in its own way.
        return Ambiguous("unreadable_answer")


def taken(answer: Mapping[str, Any] | Declined | Ambiguous) -> Answer:
    """The message was taken, if the answer names it: one that doesn't may be anybody's."""
    if isinstance(answer, Declined | Ambiguous):
        return answer
    name = answer.get("MessageId")
    return Accepted(str(name)) if name else Ambiguous("no_message_id")


def _no_answer(error: sdk.BotoCoreError) -> Declined | Ambiguous:
    if isinstance(error, sdk.ParamValidationError):
        return Declined("not_sendable")
    if isinstance(error, _NO_CONNECTION):
        return Declined("no_connection", again_after_seconds=SOON_SECONDS)
    if isinstance(error, _NO_CREDENTIALS):
        return Declined(type(error).__name__, again_after_seconds=MENDED_SECONDS)
    return Ambiguous(type(error).__name__)


def _refusal(error: sdk.ClientError, table: Table) -> Declined | Ambiguous:
    code, reason = error.response["Error"].get("Code", ""), error.response.get("Reason")
    verdict = table.get(f"{code}:{reason}") or table.get(code) or THROTTLED.get(code)
    if verdict is not None:
        return verdict.answer()
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    if not code or not status or status >= _FIRST_SERVER_ERROR:
        return Ambiguous(code or "no_error_code")
    return Declined(code, again_after_seconds=MENDED_SECONDS)
