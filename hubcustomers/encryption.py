"""Secrets that must be used again, encrypted at rest."""

import base64
import hmac
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


def keyed_hash(text: str) -> str:
    """Return what tells equal texts, and gives nothing of them away to who has not the key."""
    key = f"hubcustomers.hash:{settings.ENCRYPTION_KEY}".encode()
    return hmac.new(key, text.encode(), sha256).hexdigest()
