"""What the page of a customer shows of the privacy desk: requests, and proofs of erasure."""

from typing import Any
from urllib.parse import urlencode

from django.contrib.admin import site
from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext as _

from customers.models import Customer
from desk.admin.request_tables import certificate_rows
from desk.privacy.models import PrivacyRequest
from hubcustomers.backoffice.display import link

_LATEST = 10
Table = dict[str, Any]


def privacy_tables(customer: Customer, request: HttpRequest) -> list[Table]:
    """Return the tables, for who may see the register."""
    register: Any = site.get_model_admin(PrivacyRequest)
    if not register.has_view_permission(request, customer):
        return []
    add = reverse("admin:desk_privacyrequest_add")
    known = urlencode({"account": customer.account_id, "customer": customer.public_id})
    rows = PrivacyRequest.objects.for_account(customer.account_id).filter(customer_id=customer.pk)
    tables = [
        {
            "title": _("Privacy requests"),
            "links": [(_("Record a request"), f"{add}?{known}")],
            "headers": [_("number"), _("kind"), _("received"), _("due"), _("state")],
            "rows": [
                [
                    link(row, register.number(row)),
                    register.kind_word(row),
                    register.received(row),
                    register.due_text(row),
                    register.state_word(row),
                ]
                for row in rows.select_related("account").order_by("-pk")[:_LATEST]
            ],
        }
    ]
    proofs = certificate_rows(customer.account, customer.pk)
    if proofs:
        headers = [_("searched on"), _("outcome")]
        tables.append({"title": _("Erasure certificates"), "headers": headers, "rows": proofs})
    return tables
