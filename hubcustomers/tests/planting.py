"""Two accounts full of things that carry a mark, for whoever may see only one of them."""

from types import SimpleNamespace
from typing import Any

from django.apps import apps
from django.contrib import admin
from django.urls import reverse

from accounts.factories import AccountFactory, ClientFactory, ConnectionFactory, LocationFactory
from accounts.models import Membership
from accounts.tokens import issue_token
from callbacks.factories import CallbackFactory, EventFactory
from customers import consent
from customers.factories import CustomerFactory, CustomerListFactory
from customers.models import ConsentChange, CustomerPrivateRef
from desk.factories import certificate_of, request_of, rule_of
from hubcustomers.models import AuditEntry
from hubcustomers.tests.desk import staff
from loyalty.factories import LoyaltyCardFactory, post
from loyalty.models import LoyaltyOperation
from signin.models import Session, Tries
from transfer.factories import JobFactory

OURS = "OURSECRET"
THEIRS = "THEIRSECRET"
# Which phones these are nobody can mistake.
PHONES = {OURS: "+33611223344", THEIRS: "+447700900123"}


def pages_of(model: Any, obj: Any) -> list[str]:
    """Return the address of every page of the model; those of one row for this one."""
    found = []
    for pattern in admin.site.get_model_admin(model).get_urls():
        if pattern.name is None:
            # Django's redirect from the address of Django 1.8.
            continue
        args = [obj.pk] if "<" in str(pattern.pattern) else []
        found.append(reverse(f"admin:{pattern.name}", args=args))
    return found


def plant(mark: str, *, word: str = "") -> SimpleNamespace:
    """Return an account full of things that carry the mark.

    Args:
        mark: At most 140 characters.
        word: Stands for it where only a word may stand.
    """
    account = AccountFactory(name=f"{mark} account")
    location = LocationFactory(account=account, name=f"{mark} location", city=f"{mark} city")
    client = ClientFactory(name=f"{mark} client")
    scope = "location[customer_list.write]"
    customer_list = CustomerListFactory(account=account, name=f"{mark} list")
    connection = ConnectionFactory(
        account=account,
        location=location,
        client=client,
        scope=scope,
        customer_list=customer_list,
    )
    issue_token(connection)
    customer = CustomerFactory(
        customer_list=customer_list,
        first_name=f"{mark} first",
        email=f"{mark}@example.com",
        phone=PHONES.get(mark, "+33611223399"),
        custom_fields={mark: mark},
        delivery_notes=f"{mark} notes",
    )
    CustomerPrivateRef.objects.create(
        account=account,
        customer_list=customer_list,
        customer=customer,
        client=client,
        ref=f"{mark} private",
    )
    card = LoyaltyCardFactory(customer=customer, name=f"{mark} card", ref=f"{mark} ref")
    operation = LoyaltyOperation.objects.get(pk=post(card, "7", f"{mark} reason").id)
    callback = CallbackFactory(
        connection=connection, url=f"https://{word or mark.lower()}.example/hook"
    )
    event = EventFactory(
        connection=connection,
        resource_id=customer.pk,
        customer_list_id=customer_list.pk,
        new_state={"first_name": f"{mark} first"},
    )
    job = JobFactory(customer_list=customer_list, title=f"{mark} file.csv", user_name=mark)
    consent.tell_source(consent.Source("api", f"{mark} client"))
    customer.sms_marketing = True
    customer.save(update_fields=["sms_marketing"])
    change = ConsentChange.objects.get(account=account)
    certificate = certificate_of(customer, user_name=mark)
    asked = request_of(account, customer_id=customer.pk, notes=f"{mark} notes")
    rule = rule_of(account, customer_list=customer_list)
    user = staff(f"{mark} user", account, email=f"{mark}@staff.example")
    membership = Membership.objects.get(user=user)
    for obj in (customer, card, customer_list, connection):
        model: Any = type(obj)
        model_admin = admin.site.get_model_admin(model)
        model_admin.log_change(SimpleNamespace(user=user), obj, f"{mark} logged")
    rows = {
        type(obj): obj
        for obj in (
            account,
            location,
            client,
            connection,
            customer_list,
            customer,
            card,
            operation,
            callback,
            event,
            user,
            membership,
            job,
            certificate,
            change,
            asked,
            rule,
        )
    }
    return SimpleNamespace(
        account=account,
        location=location,
        client=client,
        user=user,
        rows=rows,
        customer_list=customer_list,
        customer=customer,
        card=card,
        connection=connection,
    )


def everything() -> dict[str, list[Any]]:
    """Return every row of the database, as far as it is ours."""
    left_out = {AuditEntry, Session, Tries}
    return {
        model._meta.label: sorted(
            model._default_manager.values_list(
                *[
                    field.attname
                    for field in model._meta.concrete_fields
                    if field.name != "last_login"
                ]
            ),
            key=str,
        )
        for model in apps.get_models()
        if model not in left_out
    }
