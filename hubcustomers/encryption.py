"""Secrets that must be used again, encrypted at rest."""

import base64
from functools import lru_cache
from hashlib import sha256

from cryptography.fernet import Fernet, InvalidToken
from django.conf import settings


@lru_cache(maxsize=4)
def _cipher(key: str) -> Fernet:
    digest = sha256(b"hubcustomers.encryption:" + key.encode()).digest()
    return Fernet(base64.urlsafe_b64encode(digest))


def encrypt(secret: str) -> str:
    """Return the secret as text that only the installation's key opens."""
    return _cipher(settings.ENCRYPTION_KEY).encrypt(secret.encode()).decode()


def decrypt(sealed: str, *, key: str | None = None) -> str:
    """Return the secret again.

    Args:
        sealed: The text.
        key: What it was sealed with, where that is not this installation's key.

    Raises:
        ValueError: The text was sealed with another key.
    """
    try:
        return _cipher(key or settings.ENCRYPTION_KEY).decrypt(sealed.encode()).decode()
    except InvalidToken as error:
        raise ValueError("The secret was encrypted with another HUB_ENCRYPTION_KEY.") from error
