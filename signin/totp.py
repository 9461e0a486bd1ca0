"""Codes of authenticator apps (TOTP, RFC 6238): six digits, a new one each half minute."""

import base64
import secrets
import time
from hmac import compare_digest

import segno
from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor.totp import TOTP
from django.utils.safestring import SafeString, mark_safe

DIGITS = 6
STEP_SECONDS = 30
# How many half minutes a telephone's clock may be off, early or late.
_DRIFT = 1
_SECRET_BYTES = 20
_NAME = "hubcustomers"


def new_secret() -> str:
    """Return a secret as authenticator apps take it: 32 letters and digits."""
    return base64.b32encode(secrets.token_bytes(_SECRET_BYTES)).decode()


def code_at(secret: str, step: int) -> str:
    """Return the code of a half minute, counted from 1970."""
    return _totp(secret).generate(step * STEP_SECONDS).decode()


def step_now() -> int:
    """Return the number of this half minute."""
    return int(time.time()) // STEP_SECONDS


def step_of(secret: str, code: str) -> int | None:
    """Return the half minute whose code this is, None where it is none near now."""
    now = step_now()
    found = None
    # All are looked at, so that the time taken tells nothing.
    for step in range(now - _DRIFT, now + _DRIFT + 1):
        if compare_digest(code_at(secret, step).encode(), code.encode()):
            found = step
    return found


def address_of(secret: str, *, user_name: str, host: str) -> str:
    """Return the ``otpauth:`` address that an app reads; host tells one hub from another."""
    return _totp(secret).get_provisioning_uri(user_name, f"{_NAME} {host}")


def picture_of(address: str) -> SafeString:
    """Return the address as a QR code: SVG to stand in a page, dark on light in any theme."""
    code = segno.make(address, error="m", micro=False)
    return mark_safe(code.svg_inline(border=4, light="#fff", omitsize=True))  # noqa: S308


def _totp(secret: str) -> TOTP:
    # SHA-1 is what every app takes; the attacks on it do not touch HMAC.
    return TOTP(base64.b32decode(secret), DIGITS, SHA1(), STEP_SECONDS)  # noqa: S303
