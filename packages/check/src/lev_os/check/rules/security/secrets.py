"""Secrets of known forms, and values of MCP servers that look like one."""

from __future__ import annotations

import re
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from math import log2

from ...files import File
from ...patterns import Pattern
from ...rule import Example, Finding, rule
from .hidden import READ, VERIFIED

_BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


def _checked(token: str) -> bool:
    """GitHub's and npm's tokens end with the CRC-32 of what is before, in six digits to the base of 62."""
    body, given = token.split("_", 1)[1][:-6], token[-6:]
    number, digits = zlib.crc32(body.encode()), ""
    while number:
        number, digit = divmod(number, 62)
        digits = _BASE62[digit] + digits
    return digits.rjust(6, "0") == given


def looks_random(token: str) -> bool:
    """Whether the characters are as mixed as those of a key, and no word says that it is an example."""
    if _EXAMPLE.search(token):
        return False
    body = re.sub(r"^[A-Za-z]{2,6}[-_]", "", token)
    counts = Counter(body)
    entropy = -sum(n / len(body) * log2(n / len(body)) for n in counts.values())
    return entropy > min(3.0, 0.75 * log2(len(body)))


_EXAMPLE = Pattern(
    r"(?i)example|xxxx|your|placeholder|dummy|fake|sample|test_?key|changeme|redacted|insert|abcdef|123456|0000|1111|"
    r"\.\.\."
)
_MAY_HOLD = (
    "gh[pousr]_|github_pat_|npm_|pypi-AgE|AKIA|ASIA|sk-ant-|T3BlbkFJ|_live_|xox[abprs]-|hooks[.]slack|AIza|glpat-|hf_|"
    "SG[.]|PRIVATE KEY"
)
_FORMS: tuple[tuple[str, Pattern, Callable[[str], bool]], ...] = (
    ("a GitHub token",
     Pattern(r"\bgh[pousr]_[A-Za-z0-9]{36}\b"), _checked),
    ("a GitHub token",
     Pattern(r"\bgithub_pat_[A-Za-z0-9]{22}_[A-Za-z0-9]{59}\b"), looks_random),
    ("an npm token", Pattern(r"\bnpm_[A-Za-z0-9]{36}\b"), _checked),
    ("a PyPI token", Pattern(r"\bpypi-AgEIcHlwaS5vcmc[\w-]{50,}"), looks_random),
    ("an AWS access key", Pattern(r"\b(?:AKIA|ASIA)[A-Z2-7]{16}\b"), looks_random),
    ("an Anthropic key", Pattern(r"\bsk-ant-(?:api|admin)\d\d-[\w-]{80,}"), looks_random),
    ("an OpenAI key", Pattern(r"\bsk-[\w-]{20,200}?T3BlbkFJ[\w-]{20,}"), looks_random),
    ("a Stripe key", Pattern(r"\b[sr]k_live_[A-Za-z0-9]{24,}\b"), looks_random),
    ("a Slack token", Pattern(r"\bxox[abprs]-\d{10,}-[\w-]{20,}"), looks_random),
    ("a Slack webhook",
     Pattern(r"https://hooks\.slack\.com/services/T\w{8,}/B\w{8,}/\w{24}"), looks_random),
    ("a Google API key", Pattern(r"\bAIza[\w-]{35}\b"), looks_random),
    ("a GitLab token", Pattern(r"\bglpat-[\w-]{20,}"), looks_random),
    ("a Hugging Face token", Pattern(r"\bhf_[A-Za-z]{34}\b"), looks_random),
    ("a SendGrid key", Pattern(r"\bSG\.[\w-]{22}\.[\w-]{43}\b"), looks_random),
    ("a private key",
     Pattern(r"-----BEGIN (?:[A-Z]+ )?PRIVATE KEY-----\s+[A-Za-z0-9+/=\s]{200,}?-----END"), lambda _: True),
)  # fmt: skip
"""Its name, its form, and a further test."""


@rule(
    "SEC401",
    "secret",
    summary="A secret stands in the text.",
    on="file",
    kinds=READ,
    hint=_MAY_HOLD,
    severity="error",
    why="What a model reads it can repeat, and what is in a repository or a wheel is public. Forms with a checksum are "
    "checked by it; others must look random, and examples (`xxxx`, `example`, `your`) are left alone.",
    mend="Revoke the secret; read it from the environment.",
    source="https://github.blog/engineering/platform-security/behind-githubs-new-authentication-token-formats/",
    verified=VERIFIED,
    bad=Example({"AGENTS.md": "Key: AKI" + "AQ4VZ7RJ2LKWX3MTP\n"}, ("AGENTS.md", 1, 6)),
    good=Example({"AGENTS.md": "Key: AKIAIOSFODNN7EXAMPLE, token ghp_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\n"}),
)
def secret(file: File) -> Iterator[Finding]:
    """Each secret of a known form; the message does not repeat it."""
    for name, form, further in _FORMS:
        for found in form.finditer(file.text):
            if further(found[0]):
                yield Finding(found.span(), f"this looks like {name}", "revoke it, and read it from the environment")


_LOGIN = Pattern(r"://[^\s/:@\"'<>${}]{1,64}:(?P<word>[^\s/:@\"'<>${}]{6,})@(?P<host>[^\s/\"'<>:]+)")
_USUAL = frozenset(
    {"password", "passwd", "secret", "postgres", "changeme", "example", "username", "mypassword", "apikey", "api_key",
     "api-key", "docker", "access_token", "token"}
)  # fmt: skip


@rule(
    "SEC402",
    "password-in-address",
    summary="An address holds a password.",
    on="file",
    kinds=READ,
    hint=r"://[^/ \n]+:[^/ \n]+@",
    severity="warning",
    confidence="medium",
    why="Addresses are logged, repeated and pasted, and the password with them. Words such as `password`, and hosts of "
    "this machine or of examples, are left alone.",
    mend="Take the password from the environment.",
    source="https://www.rfc-editor.org/rfc/rfc3986#section-3.2.1",
    verified=VERIFIED,
    bad=Example({"AGENTS.md": "Use postgres://ann:k8Rt-qq2Lw9@db.acme.io/x\n"}, ("AGENTS.md", 1, 5)),
    good=Example({"AGENTS.md": "Use postgres://user:password@localhost/x\n"}),
)
def password_in_address(file: File) -> Iterator[Finding]:
    """Passwords in addresses of other machines."""
    for found in _LOGIN.finditer(file.text):
        word, host = found["word"], found["host"]
        local = host in ("localhost", "127.0.0.1", "db", "redis", "postgres", "host", "hostname") or "example" in host
        if not local and "." in host and word.lower() not in _USUAL and not _EXAMPLE.search(word) and _mixed(word):
            start = found.start()
            while start and file.text[start - 1].isalnum():
                start -= 1
            yield Finding((start, found.end()), f"the address of `{host}` holds a password")


def _mixed(word: str) -> bool:
    return any(c.isdigit() for c in word) and any(c.isalpha() for c in word)
