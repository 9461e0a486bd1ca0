"""Copying what another server holds: once each, in transactions that a kill cannot part."""

from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

from django.db import connection, transaction

from accounts.models import Account, Location
from accounts.services import get_location
from customers import consent, services
from customers.models import ANONYMISED_FIELDS, Customer, CustomerList
from hubcustomers import exact_json
from hubcustomers.encryption import keyed_hash
from hubcustomers.exceptions import ObjectNotFound
from hubcustomers.public_ids import customer_ids
from transfer.models import Pulled
from transfer.pulling import reading
from transfer.pulling.client import NotThere, RemoteRefusal, path_of
from transfer.pulling.histories import REFUSALS, Histories, Outcome
from transfer.pulling.reading import Reach, RemoteCustomer, RemoteList, Unreadable


class Copying(Histories):
    """Copies into one account here, from what one token reaches there."""

    def run(self, reach: Reach) -> Outcome:
        """Copy everything that is new or changed; go on where an interrupted run stopped."""
        lists = self.pulled(Pulled.Kind.LIST)
        if all(known.state.get("done") for known in lists):
            # The last run came to its end, so this one looks at everything again.
            lists.update(state={})
        for told in reach.lists:
            try:
                customer_list, known = self._list(told)
            except REFUSALS as error:
                self.refuse("list", told.id, error)
                continue
            if not known.state.get("done"):
                self._copy_customers(told, customer_list, known)
        # A list that is reached no more must not hold up the next run.
        lists.update(state={"done": True})
        return self.outcome

    # --- lists --------------------------------------------------------------------------

    @transaction.atomic
    def _list(self, told: RemoteList) -> tuple[CustomerList, Pulled]:
        known = self.pulled(Pulled.Kind.LIST).filter(remote_id=told.id).first()
        rows = CustomerList.objects.for_account(self.account).select_related("location", "account")
        found = known and rows.filter(pk=known.local_id).first()
        if found:
            if found.name != told.name:
                services.rename_list(found, name=told.name, caused_by=self.client.pk)
                self.counts["lists renamed"] += 1
            return found, known
        location = self._location(told)
        before = CustomerList.objects.for_account(self.account).count()
        made = services.get_list(self.account, location, told.name)
        self.counts["lists created"] += (
            CustomerList.objects.for_account(self.account).count() - before
        )
        if known:
            # The list that it was is deleted: everything in it is copied again.
            known.delete()
        known = Pulled.objects.create(
            account=self.account,
            source=self.source,
            kind=Pulled.Kind.LIST,
            remote_id=told.id,
            local_id=made.pk,
        )
        return rows.get(pk=made.pk), known

    def _location(self, told: RemoteList) -> Location | None:
        if told.location is None:
            return None
        place = told.location
        return get_location(
            self.account, place.name, timezone=place.timezone, country=place.country
        )

    def _copy_customers(self, told: RemoteList, customer_list: CustomerList, known: Pulled) -> None:
        path = f"/customer_lists{path_of(told.id)}/customers"
        begin = known.state.get("cursor")
        try:
            self._copy_pages(path, begin, told, customer_list, known)
        except RemoteRefusal:
            if begin is None:
                raise
            # The cursor of an interrupted run may mean nothing any more.
            self._copy_pages(path, None, told, customer_list, known)
        except NotThere as error:
            self.refuse("list", told.id, f"{error} is not there any more")
        self.note(known, {"done": True})

    def _copy_pages(
        self,
        path: str,
        begin: str | None,
        told: RemoteList,
        customer_list: CustomerList,
        known: Pulled,
    ) -> None:
        for page in self.remote.walk(path, begin=begin):
            self.note(known, {"cursor": page.cursor} if page.cursor else {})
            for row in page.rows:
                self._customer(row, told, customer_list)
                self._customers += 1
                self.tell(self._customers)

    # --- customers ----------------------------------------------------------------------

    def _customer(self, row: Any, told: RemoteList, customer_list: CustomerList) -> None:
        try:
            customer = reading.read_customer(row)
            with transaction.atomic():
                number = self._write_customer(customer, customer_list)
        except REFUSALS as error:
            self.refuse("customer", reading.id_in(row), error)
            return
        self.counts["orders that stay there"] += customer.nb_orders
        for card in customer.cards:
            try:
                self.copy_card(card, told, customer_list, number)
            except NotThere:
                self.refuse("card", card.id, "is not there any more")
            except REFUSALS as error:
                self.refuse("card", card.id, error)

    def _write_customer(self, told: RemoteCustomer, customer_list: CustomerList) -> int:
        known = self.pulled(Pulled.Kind.CUSTOMER).filter(remote_id=told.id).first()
        if known:
            self._refuse_merged(known)
        print_ = _fingerprint(told)
        if known and known.fingerprint == print_ and self._is_here(known, customer_list):
            self.counts["customers unchanged"] += 1
            return int(known.local_id)
        if known:
            customer = self._locked(known, customer_list)
            if customer is not None:
                self._update(customer, told)
                known.fingerprint = print_
                known.save(update_fields=["fingerprint"])
                return int(known.local_id)
            known.delete()
        return self._create(told, customer_list, print_)

    def _refuse_merged(self, known: Pulled) -> None:
        """Refuse a customer who was merged here: what it was there is no longer one person's."""
        rows = Customer.with_merged.for_account(self.account).filter(pk=known.local_id)
        other = rows.values_list("merged_into_id", flat=True).first()
        if other is not None:
            raise Unreadable(f"was merged here into {customer_ids.encode(other)}: left as it is")

    def _is_here(self, known: Pulled, customer_list: CustomerList) -> bool:
        rows = Customer.objects.for_account(self.account).filter(pk=known.local_id)
        return bool(rows.filter(customer_list=customer_list).exists())

    def _locked(self, known: Pulled, customer_list: CustomerList) -> Customer | None:
        try:
            return services.lock_customer(
                self.account.pk, customer_list.pk, known.local_id, keeps_list=True
            )
        except ObjectNotFound:
            # Its list was deleted here.
            return None

    def _source(self) -> consent.Source:
        return consent.Source("import", f"copied from {self.source}"[:255])

    def _create(self, told: RemoteCustomer, customer_list: CustomerList, print_: str) -> int:
        number, _created, _kept = services.create_customer(
            account_id=self.account.pk,
            customer_list_id=customer_list.pk,
            client=self.client,
            country=(customer_list.location or self.account).country,
            data={name: value for name, value in told.values.items() if value is not None},
            source=self._source(),
        )
        rows = Customer.objects.for_account(self.account).filter(pk=number)
        if told.created_at is not None:
            rows.update(created_at=told.created_at)
        if told.anonymised:
            self._anonymise(rows.select_for_update(no_key=True).get())
        Pulled.objects.create(
            account=self.account,
            source=self.source,
            kind=Pulled.Kind.CUSTOMER,
            remote_id=told.id,
            local_id=number,
            fingerprint=print_,
        )
        self.counts["customers created"] += 1
        return number

    def _update(self, customer: Customer, told: RemoteCustomer) -> None:
        if told.anonymised and not customer.anonymised:
            self._anonymise(customer)
        gone = ANONYMISED_FIELDS if customer.anonymised else ()
        data = {name: value for name, value in told.values.items() if name not in gone}
        # What is there no more is to go here, too: an update merges key by key.
        old = dict.fromkeys(customer.custom_fields)
        data["custom_fields"] = {**old, **(told.values.get("custom_fields") or {})}
        services.update_customer(
            customer,
            client=self.client,
            country=(customer.customer_list.location or self.account).country,
            data=data,
            source=self._source(),
        )
        self.counts["customers updated"] += 1

    def _anonymise(self, customer: Customer) -> None:
        if services.anonymise_customer(customer, client=self.client):
            self.counts["customers anonymised"] += 1


def _fingerprint(told: RemoteCustomer) -> str:
    """Return what tells whether anything about the customer has changed."""
    said = {name: _plain(value) for name, value in sorted(told.values.items())}
    return keyed_hash(exact_json.dumps([told.anonymised, said]).decode())


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return format(value, "f")
    return value.isoformat() if hasattr(value, "isoformat") else value


@contextmanager
def alone(account: Account) -> Iterator[bool]:
    """Give whether nobody else is copying into the account; nobody will, while it lasts."""
    name = f"pull into account {account.pk}"
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(hashtextextended(%s, 0))", [name])
        is_free = bool(cursor.fetchone()[0])
    try:
        yield is_free
    finally:
        if is_free:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_unlock(hashtextextended(%s, 0))", [name])
