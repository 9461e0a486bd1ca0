"""Things of the privacy desk as tests need them."""

from datetime import UTC, date, datetime
from typing import Any

from desk.privacy.models import ErasureCertificate, PrivacyRequest


def certificate_of(customer: Any, **fields: Any) -> ErasureCertificate:
    """Return a certificate of the customer's erasure."""
    given = {
        "erased_at": datetime(2026, 5, 1, tzinfo=UTC),
        "user_name": "officer",
        "fields": ["email", "first_name"],
        "tables": 30,
        "columns": 300,
    }
    return ErasureCertificate.objects.create(
        account_id=customer.account_id, customer_id=customer.pk, **{**given, **fields}
    )


def request_of(account: Any, **fields: Any) -> PrivacyRequest:
    """Return a request that came on 1 May 2026."""
    given = {"kind": "access", "received_on": date(2026, 5, 1), "user_name": "officer"}
    made: PrivacyRequest = PrivacyRequest.objects.create(account=account, **{**given, **fields})
    made.refresh_from_db()
    return made
