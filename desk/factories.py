"""Things of the privacy desk as tests need them."""

from datetime import UTC, date, datetime
from typing import Any

from django.db import connection

from customers.factories import CustomerFactory
from desk.privacy.models import ErasureCertificate, PrivacyRequest, RetentionRule


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


def rule_of(account: Any, **fields: Any) -> RetentionRule:
    """Return a rule of three years."""
    rule: RetentionRule = RetentionRule.objects.create(account=account, **{"months": 36, **fields})
    return rule


def silent(customer_list: Any, *, months: int = 40, **fields: Any) -> Any:
    """Return a customer of whom nothing was heard for so long."""
    made = CustomerFactory(customer_list=customer_list, **fields)
    age(made, months)
    return made


def age(obj: Any, months: int) -> None:
    """Have been made so many months ago."""
    with connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        cursor.execute(
            f"UPDATE {obj._meta.db_table}"
            " SET created_at = statement_timestamp() - make_interval(months => %s) WHERE id = %s",
            [months, obj.pk],
        )
        cursor.execute("RESET session_replication_role")
