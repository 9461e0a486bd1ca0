"""Second factors: set up, asked for, used up, taken away.

A code is taken once: each is one UPDATE that only one of two rivals wins.
"""

import base64
import logging
import secrets
from hashlib import sha256
from typing import Any

from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone

from hubcustomers.backoffice import audit
from hubcustomers.encryption import decrypt, encrypt
from signin import totp
from signin.models import RecoveryCode, SecondFactor
from signin.sessions import end_sessions

RECOVERY_CODES = 10
# 80 bits: nobody guesses one, nor finds it from its hash.
_CODE_BYTES = 10
_CODE_LETTERS = 16

_log = logging.getLogger(__name__)


def is_enrolled(user: User) -> bool:
    """Return whether the user has a second factor."""
    return SecondFactor.objects.filter(user=user).exists()


def enrol(user: User, secret: str, code: str) -> list[str] | None:
    """Make an authenticator app the user's second factor, in place of any other.

    Args:
        user: Whose it is.
        secret: What the app was given.
        code: What it shows: the proof that it has the secret.

    Returns:
        The recovery codes, which nobody can read again; None for a code that is wrong or used.
    """
    step = totp.step_of(secret, _plain(code))
    if step is None:
        return None
    with transaction.atomic():
        factor = _lock(user)
        if factor is not None and step <= factor.last_step:
            return None
        if factor is not None:
            factor.delete()
        factor = SecondFactor.objects.create(
            user=user, sealed_secret=encrypt(secret), last_step=step
        )
        audit.record(user, user, "enrolled")
        return _make_codes(factor)


def renew_codes(user: User) -> list[str]:
    """Return new recovery codes; the old ones are worth nothing any more.

    Raises:
        SecondFactor.DoesNotExist: The user has no second factor.
    """
    with transaction.atomic():
        factor = SecondFactor.objects.select_for_update().get(user=user)
        factor.recovery_codes.all().delete()
        audit.record(user, user, "renewed")
        return _make_codes(factor)


def codes_left(user: User) -> int:
    """Return how many recovery codes are unused."""
    return RecoveryCode.objects.filter(factor__user=user, used_at=None).count()


def accept(user: User, text: str) -> bool:
    """Return whether the text is a code of the user's app, or a recovery code; it is used up."""
    code = _plain(text)
    if len(code) == totp.DIGITS:
        return _accept_code(user, code)
    return len(code) == _CODE_LETTERS and _accept_recovery_code(user, code)


def reset(user: User, *, by: Any) -> bool:
    """Take the second factor away and sign the user out; return whether there was one.

    Args:
        user: Who lost the telephone.
        by: The superuser who does it; None for a command.
    """
    with transaction.atomic():
        factor = _lock(user)
        end_sessions(user)
        if factor is None:
            return False
        factor.delete()
        audit.record(by, user, "reset")
    return True


def _lock(user: User) -> SecondFactor | None:
    # The user's row stands for a factor that is not there yet.
    User.objects.select_for_update().get(pk=user.pk)
    return SecondFactor.objects.select_for_update().filter(user=user).first()


def _accept_code(user: User, code: str) -> bool:
    factor = SecondFactor.objects.filter(user=user).first()
    if factor is None:
        return False
    try:
        step = totp.step_of(decrypt(factor.sealed_secret), code)
    except ValueError:
        _log.exception("The second factor of %s cannot be read; recovery codes still work.", user)
        return False
    if step is None:
        return False
    unused = SecondFactor.objects.filter(pk=factor.pk, last_step__lt=step)
    return unused.update(last_step=step) == 1


def _accept_recovery_code(user: User, code: str) -> bool:
    factor = SecondFactor.objects.filter(user=user).first()
    # No join to the factor: it would become a subquery, which does not see what a rival did.
    unused = RecoveryCode.objects.filter(factor=factor, code_hash=_hash(code), used_at=None)
    with transaction.atomic():
        taken = unused.update(used_at=timezone.now()) == 1
        if taken:
            audit.record(user, user, "recovered")
    return taken


def _make_codes(factor: SecondFactor) -> list[str]:
    codes = [
        base64.b32encode(secrets.token_bytes(_CODE_BYTES)).decode().lower()
        for _ in range(RECOVERY_CODES)
    ]
    RecoveryCode.objects.bulk_create(
        RecoveryCode(factor=factor, code_hash=_hash(code)) for code in codes
    )
    return ["-".join(code[at : at + 4] for at in range(0, _CODE_LETTERS, 4)) for code in codes]


def _hash(code: str) -> bytes:
    return sha256(code.encode()).digest()


def _plain(text: str) -> str:
    """Return the code without the blanks and dashes that people read it in."""
    return "".join(text.replace("-", "").split()).lower()
