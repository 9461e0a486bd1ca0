"""``/customer_lists`` and the customers below them (spec 1 and 2)."""

from functools import cached_property
from typing import Any
from zoneinfo import ZoneInfo

from django.http import HttpResponse
from rest_framework.request import Request

from accounts.models import Location
from accounts.viewsets import ConnectedViewSet
from customers import reads, services
from customers.filters import CustomerFilter
from customers.models import CustomerList
from customers.serializers import (
    AnonymisedCustomerSerializer,
    CustomerListSerializer,
    CustomerSerializer,
    represent_customer,
    represent_list,
    represent_list_in_index,
)
from hubcustomers.api.pagination import Page
from hubcustomers.api.rendering import json_response
from hubcustomers.exceptions import AccessRefused, ObjectNotFound
from hubcustomers.phones import needs_country
from hubcustomers.public_ids import customer_ids, customer_list_ids


class InListViewSet(ConnectedViewSet):
    """A viewset of what lies below one customer list, or of the list itself."""

    resource: str | None = "customer_list"
    filterset_class = CustomerFilter

    @cached_property
    def list_id(self) -> int:
        """Return the number of the list in the URL, where the scope covers it.

        Raises:
            ObjectNotFound: The id is malformed, or the scope covers only another list.
            AccessRefused: The scope lets the list be read only.
        """
        number = customer_list_ids.decode(self.kwargs["customer_list_id"])
        if number is None:
            raise ObjectNotFound
        self.connection.check_list(number, write=not self.is_read)
        return number

    @cached_property
    def customer_list(self) -> reads.ListRow:
        """Return the list in the URL.

        Raises:
            ObjectNotFound: No such list, or out of reach.
        """
        row = reads.find_list(self.connection, self.list_id)
        if row is None:
            raise ObjectNotFound
        return row

    @property
    def country(self) -> str:
        """Return where a national phone number is at home: the location, else the account."""
        if self.customer_list.country is not None:
            return self.customer_list.country
        place = self.connection.location or self.connection.account
        return str(place.country)


class CustomerListViewSet(InListViewSet):
    """Retrieve, list, create, rename and delete customer lists (spec 1)."""

    @cached_property
    def owner(self) -> Location | None:
        """Return the location that the URL means, None for the whole account."""
        if self.kwargs.get("owner") == "location":
            return self.get_location()
        self.get_account()
        return None

    def check_manager(self) -> None:
        """Refuse a token that may not create, rename or delete lists.

        Raises:
            AccessRefused: The scope lacks ``all_customer_lists.write``.
        """
        if not self.connection.may_all_lists(write=True):
            raise AccessRefused("The token's scope does not include all_customer_lists.write.")

    def list(self, request: Request, **kwargs: Any) -> HttpResponse:
        """Return the lists of a location and its account, or those of the account (1.2)."""
        owner = self.owner
        page = Page.read(request.query_params)
        rows = reads.list_page(
            self.connection, location_id=None if owner is None else owner.pk, page=page
        )
        account_zone = ZoneInfo(self.connection.account.timezone)
        return page.answer(
            rows,
            key=lambda row: row.id,
            represent=lambda row: represent_list_in_index(
                row, ZoneInfo(row.timezone) if row.timezone else account_zone
            ),
        )

    def create(self, request: Request, **kwargs: Any) -> HttpResponse:
        """Create a list (1.3)."""
        owner = self.owner
        self.check_manager()
        data = CustomerListSerializer.read(request.data)
        created = services.create_list(self.connection.account, location=owner, name=data["name"])
        return json_response({"id": created.public_id, "name": created.name})

    def retrieve(self, request: Request, customer_list_id: str) -> HttpResponse:
        """Return the list (1.1)."""
        return json_response(represent_list(self.customer_list))

    def update(self, request: Request, customer_list_id: str) -> HttpResponse:
        """Rename the list (1.4)."""
        renamed = self._own_list()
        data = CustomerListSerializer.read(request.data, partial=True)
        if data.get("name", renamed.name) != renamed.name:
            services.rename_list(renamed, name=data["name"], caused_by=self.connection.client_id)
        return json_response({"id": renamed.public_id, "name": renamed.name})

    def destroy(self, request: Request, customer_list_id: str) -> HttpResponse:
        """Delete the list with everything in it (1.5)."""
        services.delete_list(self._own_list())
        return json_response({})

    def _own_list(self) -> CustomerList:
        row = self.customer_list
        self.check_manager()
        if row.location_id is None and self.connection.location_id is not None:
            raise AccessRefused("Lists of the account need a token of the whole account.")
        return CustomerList(
            id=row.id,
            account_id=self.connection.account_id,
            location_id=row.location_id,
            name=row.name,
        )


class CustomerViewSet(InListViewSet):
    """Retrieve, find, create, update and anonymise customers (spec 2)."""

    @cached_property
    def customer_id(self) -> int:
        """Return the number of the customer in the URL.

        Raises:
            ObjectNotFound: The id is malformed.
        """
        number = customer_ids.decode(self.kwargs["customer_id"])
        if number is None:
            raise ObjectNotFound
        return number

    def list(self, request: Request, customer_list_id: str) -> HttpResponse:
        """Return the list's customers, oldest first, under the filters given (2.2)."""
        page = Page.read(request.query_params)
        list_id = self.list_id
        # National numbers need the list's country; nothing else needs the list itself.
        national = needs_country(request.query_params.get("phone", "+"))
        country = self.country if national else ""
        filters = CustomerFilter.read(request.query_params, country=country)
        rows = reads.customer_page(self.connection, list_id, filters=filters, page=page)
        if not rows:
            # No row has proved that the list exists.
            _ = self.customer_list
        return page.answer(
            rows,
            key=lambda row: row.id,
            represent=lambda row: represent_customer(row, self.connection.account),
        )

    def retrieve(self, request: Request, customer_list_id: str, customer_id: str) -> HttpResponse:
        """Return the customer (2.1)."""
        row = reads.find_customer(self.connection, self.list_id, self.customer_id)
        if row is None:
            raise ObjectNotFound
        return json_response(represent_customer(row, self.connection.account))

    def create(self, request: Request, customer_list_id: str) -> HttpResponse:
        """Create a customer (2.3)."""
        data = CustomerSerializer.read(request.data)
        found = self.customer_list
        customer_id, created_at, kept = services.create_customer(
            account_id=self.connection.account_id,
            customer_list_id=found.id,
            client=self.connection.client,
            country=self.country,
            data=data,
        )
        row = reads.new_customer_row(customer_id, found, kept, created_at=created_at)
        return json_response(represent_customer(row, self.connection.account))

    def update(self, request: Request, customer_list_id: str, customer_id: str) -> HttpResponse:
        """Change the fields that are present in the body (2.4)."""
        country = self.country
        customer = services.lock_customer(
            self.connection.account_id,
            self.customer_list.id,
            self.customer_id,
            keeps_list=bool(request.data.get("private_ref")),
        )
        serializer = AnonymisedCustomerSerializer if customer.anonymised else CustomerSerializer
        services.update_customer(
            customer,
            client=self.connection.client,
            country=country,
            data=serializer.read(request.data, partial=True),
        )
        return self.retrieve(request, customer_list_id, customer_id)

    def anonymise(self, request: Request, customer_list_id: str, customer_id: str) -> HttpResponse:
        """Erase the customer's private fields for good (2.5)."""
        customer = services.lock_customer(
            self.connection.account_id, self.customer_list.id, self.customer_id
        )
        services.anonymise_customer(customer, client=self.connection.client)
        return self.retrieve(request, customer_list_id, customer_id)
