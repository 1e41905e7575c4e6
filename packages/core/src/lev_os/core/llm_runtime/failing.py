"""What is said when a provider's model fails: the kind, the status and the code, never the provider's own words.

A provider's response may repeat the prompt, the key that it refuses, or an answer of the model that no gate has seen. A
message goes far: into journals, traces, logs, and to whoever asked over HTTP. The words stay in the error's `said`.
"""

from __future__ import annotations

import os
import re
import sys
from typing import NoReturn

from .errors import ModelError, ModelRefused, ModelUnavailable

_RETRYABLE_STATUS = frozenset({408, 409, 425, 429, *range(500, 600)})
_SECRET_NAME = re.compile(r"KEY|TOKEN|SECRET|PASSWORD|CREDENTIAL", re.IGNORECASE)
_SECRET = re.compile(r"\b(?:sk|pk|rk|xox[abp]|gh[pousr]|AIza)[-_A-Za-z0-9]{12,}|\bBearer\s+\S+")
_CODES = frozenset(
    {
        "account_deactivated", "api_error", "authentication_error", "billing_error",
        "billing_hard_limit_reached", "capacity_exceeded", "content_filter", "content_policy_violation",
        "context_length_exceeded", "deployment_not_found", "engine_overloaded", "insufficient_quota",
        "internal_error", "internal_server_error", "invalid_api_key", "invalid_image", "invalid_model",
        "invalid_organization", "invalid_prompt", "invalid_request", "invalid_request_error", "invalid_type",
        "invalid_value", "json_validate_failed", "missing_required_parameter", "model_decommissioned",
        "model_not_available", "model_not_found", "not_found", "not_found_error", "organization_restricted",
        "overloaded", "overloaded_error", "permission_denied", "permission_error", "quota_exceeded",
        "rate_limit_error", "rate_limit_exceeded", "request_too_large", "requests", "server_error",
        "service_unavailable", "string_above_max_length", "timeout", "timeout_error", "token_limit_exceeded",
        "tokens", "tool_use_failed", "unauthorized", "unknown_parameter",
        "unsupported_country_region_territory", "unsupported_parameter", "unsupported_value",
        "usage_limit_reached",
    }
)  # fmt: skip
"""The providers' own codes that are repeated. Any other word may be one of a prompt's or of an answer's."""
_KEY = "check the provider's key in your environment"
_HELP = {
    "ModelAuthenticationError": _KEY,
    "ModelNotFoundError": "check the model's name",
    "ModelConnectionError": "check the network, and the provider's address",
    "ModelRateLimitError": "wait a little, and ask again",
    "ModelQuotaExceededError": "ask the provider for more",
    "ModelContextWindowExceededError": "give the model less to read",
}
_HELP_BY_STATUS = {401: _KEY, 403: _KEY, 404: _HELP["ModelNotFoundError"], 429: _HELP["ModelRateLimitError"]}


def summary(error: BaseException) -> str:
    """What may be said of an error of Pydantic AI's or of a transport's."""
    from pydantic_ai import exceptions as known

    if isinstance(error, known.ModelAPIError):
        status = getattr(error, "status_code", None)
        told = type(error).__name__ if status is None else f"{type(error).__name__}, status {status}"
        codes = dict.fromkeys((error.provider_error_type, error.provider_error_code))
        return ", ".join([told, *(code for code in codes if code in _CODES)])
    if isinstance(error, known.AgentRunError):
        return type(error).__name__
    if isinstance(error, BaseExceptionGroup):
        return f"{type(error).__name__}: " + "; ".join(map(summary, error.exceptions))
    return (redacted(str(error)) if _is_of_the_system(error) else "") or type(error).__name__


def help_for(error: BaseException) -> str | None:
    """What to do about an error, where that is known."""
    by_kind = next((_HELP[kind.__name__] for kind in type(error).__mro__ if kind.__name__ in _HELP), None)
    return by_kind or _HELP_BY_STATUS.get(getattr(error, "status_code", 0))


def fail(error: Exception, name: str) -> NoReturn:
    """Raise what a request to the model `name` ended with, in our words."""
    from pydantic_ai import exceptions as known

    if isinstance(error, ModelError):
        raise error
    text, help = f"{name}: {summary(error)}", help_for(error)
    said = redacted(str(error))
    if isinstance(error, known.ContentFilterError):
        raise ModelRefused(text, said=said) from None
    if isinstance(error, known.ModelHTTPError):
        raise ModelUnavailable(text, help=help, retryable=error.status_code in _RETRYABLE_STATUS, said=said) from None
    if isinstance(error, known.ModelRequestRejectedError | known.ModelQuotaExceededError | known.UserError):
        raise ModelUnavailable(text, help=help, said=said) from None
    if isinstance(error, known.AgentRunError | OSError | TimeoutError | ExceptionGroup):
        raise ModelUnavailable(text, help=help, retryable=True, said=said) from None
    words = f": {said}" if _is_of_the_system(error) else ""
    raise ModelUnavailable(f"{name}: {type(error).__name__}{words}", retryable=True, said=said) from None


def _is_of_the_system(error: BaseException) -> bool:
    """Whether the operating system says it: no network, no such file. A `ValueError` tells what value it was."""
    return isinstance(error, OSError) and type(error).__module__.partition(".")[0] in sys.stdlib_module_names


def redacted(text: str) -> str:
    """A text without the keys of the environment and without what looks like one."""
    keys = {value for name, value in os.environ.items() if len(value) >= 8 and _SECRET_NAME.search(name)}
    for key in sorted(keys, key=len, reverse=True):  # a key that begins as another would be left in pieces
        text = text.replace(key, "***")
    return _SECRET.sub("***", text)
