"""What is held on a person at the desk, and the tables that hold nothing about customers."""

from typing import Any

from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from customers.models import Customer
from customers.subject import Record, Section, leave_out, register_section, role_of, roles_in, told
from desk.privacy.models import ErasureCertificate, PrivacyRequest, RequestChange

_NOTHING = """
    accounts_accesstoken accounts_account accounts_authorizationcode accounts_client
    accounts_connection accounts_connectionuse accounts_location accounts_membership auth_group
    auth_group_permissions auth_permission auth_user auth_user_groups
    auth_user_user_permissions callbacks_callback customers_customerlist desk_retentionrule
    django_content_type django_migrations hubcustomers_accountfigures
    hubcustomers_workerpulse
""".split()
_OF_STAFF = """
    django_admin_log signin_recoverycode signin_secondfactor signin_session signin_tries
""".split()


def register_holdings() -> None:
    """Register the sections, and what is not shown."""
    register_section(
        Section(
            "erasure_certificates",
            _("Certificates of erasure"),
            ("desk_erasurecertificate",),
            _certificates,
        )
    )
    register_section(
        Section(
            "privacy_requests",
            _("Requests about your data"),
            ("desk_privacyrequest", "desk_requestchange"),
            _requests,
            audited=lambda customer: {
                PrivacyRequest._meta.label_lower: list(_rows(customer).values_list("pk", flat=True))
            },
        )
    )
    leave_out(
        {
            "desk_erasurecertificate.customer_id": _("The customer."),
            "desk_privacyrequest.customer_id": _("The customer."),
            "desk_privacyrequest.assigned_to_id": _("A member of staff."),
            "desk_privacyrequest.user_name": _("A member of staff."),
            "desk_requestchange.request_id": _("The request."),
            "desk_requestchange.user_name": _("A member of staff."),
            "desk_erasurecertificate.user_id": _("A member of staff; the role is shown."),
            "desk_erasurecertificate.user_name": _("A member of staff; the role is shown."),
        }
    )
    leave_out(dict.fromkeys(_NOTHING, _("Holds nothing about customers.")))
    leave_out(dict.fromkeys(_OF_STAFF, _("Of members of staff, not of customers.")))


def _certificates(customer: Customer) -> list[Record]:
    roles = roles_in(customer.account_id)
    rows = ErasureCertificate.objects.for_account(customer.account_id).filter(
        customer_id=customer.pk
    )
    return [told(row, by=role_of(row.user_id, row.user_name, roles)) for row in rows.order_by("pk")]


def _rows(customer: Customer) -> "QuerySet[Any]":
    return PrivacyRequest.objects.for_account(customer.account_id).filter(customer_id=customer.pk)


def _requests(customer: Customer) -> list[Record]:
    changes: dict[int, list[Record]] = {}
    found = RequestChange.objects.for_account(customer.account_id).filter(
        request__in=list(_rows(customer).values_list("pk", flat=True))
    )
    for change in found.order_by("pk"):
        changes.setdefault(change.request_id, []).append(_change(change))
    return [told(row, changes=changes.get(row.pk, [])) for row in _rows(customer).order_by("pk")]


def _change(change: RequestChange) -> Record:
    # Numbers of staff are none of the person's business.
    if change.field == "assigned_to_id":
        return told(change, old_value=None, new_value=None)
    return told(change)
