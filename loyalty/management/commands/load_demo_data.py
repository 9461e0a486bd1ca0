"""``manage.py load_demo_data``: something to look at for who starts the hub first."""

import secrets
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.core.management.base import BaseCommand
from django.db import transaction

from accounts import services as access
from accounts.models import Account, Connection
from accounts.tokens import issue_token
from customers.models import CustomerList
from customers.services import create_customer, create_list
from loyalty.ledger import CardPlace, post_operation
from loyalty.services import create_card

_PEOPLE = [
    ("Charles", "Moore", "male", "charles.moore@dummy-mail.org", "+44123456789", "GB"),
    ("Jimmy", "Watson", "male", "jimmy.watson@dummy-mail.org", "+447911123456", "GB"),
    ("Élodie", "Bernard", "female", "elodie.bernard@dummy-mail.org", "06 12 34 56 78", "FR"),
    ("Nadia", "Haddad", "female", "nadia.haddad@dummy-mail.org", "07 55 12 34 56", "FR"),
    ("Lucas", "Petit", "male", "lucas.petit@dummy-mail.org", "01 42 68 53 00", "FR"),
    ("Greta", "Schmidt", "female", "greta.schmidt@dummy-mail.org", "+49 30 901820", "DE"),
]
_MOVEMENTS = [("Points earned", "4.2"), ("Points earned", "12.3"), ("Free dessert", "-3")]

_GREETING = """
The hub was empty, so it now holds an account "Demo Bistro" to try things on.

Back-office:  {url}/admin/
Login:        admin
Password:     {password}   (shown once; change it with ./manage.py changepassword admin)

The first sign-in sets up a second factor, with an authenticator app on your telephone. To look
around without one, start as: HUB_SECOND_FACTOR=optional ./script/server

A first call, with a token of the location "Paris":

  curl -H 'X-Access-Token: {token}' '{url}/v1/customer_lists/{list_id}/customers?phone=+44*'
"""


class Command(BaseCommand):
    """Fills an empty hub with one account, its customers and their cards."""

    help = "Fill an empty hub with a demo account. Does nothing where any account exists."

    def handle(self, *args: Any, **options: Any) -> None:
        """Fill the hub and print how to get in."""
        with transaction.atomic():
            # Two servers that start at once on an empty database make one demo account.
            access.lock_names()
            if Account.objects.exists():
                return
            connection, customer_list = _fill()
            password = secrets.token_urlsafe(9)
            if User.objects.filter(username="admin").exists():
                password = "(unchanged)"
            else:
                User.objects.create_superuser("admin", password=password)
            token = issue_token(connection)
        greeting = _GREETING.format(
            url=settings.HUB_URL, password=password, token=token, list_id=customer_list.public_id
        )
        self.stdout.write(greeting)


def _fill() -> tuple[Connection, CustomerList]:
    place = {"timezone": "Europe/Paris", "country": "FR"}
    account = access.get_account("Demo Bistro", currency="EUR", **place)
    location = access.get_location(account, "Paris", **place)
    client = access.get_client("Demo till")
    connection = access.create_connection(
        account,
        client,
        location=location,
        scope="location[orders.write,all_customer_lists.write]",
    )
    customer_list = create_list(account, name="Web customers", location=location)
    for number, (first_name, last_name, gender, email, phone, country) in enumerate(_PEOPLE):
        customer_id, _, _ = create_customer(
            account_id=account.pk,
            customer_list_id=customer_list.pk,
            client=client,
            country="FR",
            data={
                "private_ref": str(2213312 + number),
                "first_name": first_name,
                "last_name": last_name,
                "gender": gender,
                "email": email,
                "phone": phone,
                "country": country,
            },
        )
        card = create_card(
            account_id=account.pk,
            list_id=customer_list.pk,
            customer_id=customer_id,
            name="",
            ref=f"av-{33489 + number}",
        )
        for reason, delta in _MOVEMENTS[: number % 4]:
            card_place = CardPlace(account.pk, customer_list.pk, card.pk)
            post_operation(card_place, delta=Decimal(delta), reason=reason)
    return connection, customer_list
