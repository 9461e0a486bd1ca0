"""What a form of the back-office is told about a list's name (spec 1)."""

import pytest
from django.core.exceptions import ValidationError

from accounts.factories import LocationFactory
from accounts.models import Connection
from customers.factories import CustomerListFactory
from customers.models import CustomerList


def test_a_name_taken_at_the_other_level_is_told_at_once(bistro: Connection) -> None:
    CustomerListFactory(account=bistro.account, location=bistro.location, name="Regulars")

    with pytest.raises(ValidationError, match="has already been taken"):
        CustomerList(account=bistro.account, name="Regulars").full_clean()


def test_a_name_of_another_tenant_or_location_is_free(
    bistro: Connection, rival: Connection
) -> None:
    CustomerListFactory(account=rival.account, name="Regulars")
    elsewhere = LocationFactory(account=bistro.account)
    CustomerListFactory(account=bistro.account, location=elsewhere, name="Regulars")

    CustomerList(account=bistro.account, location=bistro.location, name="Regulars").full_clean()


def test_a_list_may_keep_its_own_name(bistro: Connection) -> None:
    kept = CustomerListFactory(account=bistro.account, name="Regulars")

    kept.full_clean()
