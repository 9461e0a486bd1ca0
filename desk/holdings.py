"""What is held on a person at the desk, and the tables that hold nothing about customers."""

from django.utils.translation import gettext_lazy as _

from customers.models import Customer
from customers.subject import Record, Section, leave_out, register_section, role_of, roles_in, told
from desk.privacy.models import ErasureCertificate

_NOTHING = """
    accounts_accesstoken accounts_account accounts_authorizationcode accounts_client
    accounts_connection accounts_location accounts_membership auth_group
    auth_group_permissions auth_permission auth_user auth_user_groups
    auth_user_user_permissions callbacks_callback customers_customerlist
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
    leave_out(
        {
            "desk_erasurecertificate.customer_id": _("The customer."),
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
