"""What is held on a person at the desk, and the tables that hold nothing about customers."""

from django.utils.translation import gettext_lazy as _

from customers.subject import leave_out

_NOTHING = """
    accounts_accesstoken accounts_account accounts_authorizationcode accounts_client
    accounts_connection accounts_location accounts_membership auth_group
    auth_group_permissions auth_permission auth_user auth_user_groups
    auth_user_user_permissions callbacks_callback customers_customerlist
    django_content_type django_migrations hubcustomers_workerpulse
""".split()
_OF_STAFF = """
    django_admin_log signin_recoverycode signin_secondfactor signin_session
""".split()


def register_holdings() -> None:
    """Register the sections, and what is not shown."""
    leave_out(dict.fromkeys(_NOTHING, _("Holds nothing about customers.")))
    leave_out(dict.fromkeys(_OF_STAFF, _("Of members of staff, not of customers.")))
