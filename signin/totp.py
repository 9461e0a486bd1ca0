"""Codes of authenticator apps (TOTP, RFC 6238): six digits, a new one each half minute."""

import base64
import secrets
import time
from hmac import compare_digest
from urllib.parse import quote, urlencode

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
_PICTURE_PIXELS = 256
# Blank modules around the code, which readers need.
_BORDER = 4


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
    issuer = f"{_NAME} {host}"
    # Blanks as %20: the library's own writes a plus, which apps show as it stands.
    given = urlencode({"secret": secret, "issuer": issuer}, quote_via=quote)
    return f"otpauth://totp/{quote(issuer, safe='')}:{quote(user_name, safe='')}?{given}"


def picture_of(address: str) -> SafeString:
    """Return the address as a QR code: SVG to stand in a page, dark on light in any theme."""
    code = segno.make(address, error="m", micro=False)
    scale = _PICTURE_PIXELS / code.symbol_size(border=_BORDER)[0]
    return mark_safe(code.svg_inline(scale=scale, border=_BORDER, light="#fff"))  # noqa: S308


def _totp(secret: str) -> TOTP:
    # SHA-1 is what every app takes; the attacks on it do not touch HMAC.
    return TOTP(base64.b32decode(secret), DIGITS, SHA1(), STEP_SECONDS)  # noqa: S303
