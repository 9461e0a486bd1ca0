"""The kind of every table, in one place.

*Reference* tables have few rows and are rarely written; a sharded database keeps a copy
on each node. *Account* tables hold everything else of ours and are split by account.
*Local* tables belong to the machine that serves. A system check refuses a model whose
table is not listed here.
"""

from typing import Any

from django.apps import apps
from django.core.checks import CheckMessage, Error
from django.db.models import Model

REFERENCE_TABLES = {
    "accounts_account",
    "accounts_location",
    "accounts_client",
    "accounts_connection",
    "accounts_accesstoken",
    "callbacks_callback",
    "customers_customerlist",
}
ACCOUNT_TABLES = {
    "customers_consentchange",
    "customers_customer",
    "customers_customerprivateref",
    "customers_erasure",
    "desk_erasurecertificate",
    "desk_merge",
    "desk_possibleduplicate",
    "desk_privacyrequest",
    "desk_requestchange",
    "desk_retentionrule",
    "loyalty_loyaltycard",
    "loyalty_loyaltyoperation",
    "orders_order",
    "orders_orderprivateref",
}
LOCAL_TABLES = {
    "accounts_authorizationcode",
    "accounts_connectionuse",
    "accounts_idempotentanswer",
    "accounts_membership",
    "auth_group",
    "auth_group_permissions",
    "auth_permission",
    "auth_user",
    "auth_user_groups",
    "auth_user_user_permissions",
    "callbacks_deliveryattempt",
    "callbacks_event",
    "django_admin_log",
    "django_content_type",
    "hubcustomers_accountfigures",
    "hubcustomers_auditentry",
    "hubcustomers_workerpulse",
    "signin_recoverycode",
    "signin_secondfactor",
    "signin_session",
    "signin_tries",
    "transfer_grantedcard",
    "transfer_job",
    "transfer_listmapping",
    "transfer_pulled",
    "transfer_refusedrow",
    "transfer_stagedrow",
}


def has_account(model: type[Model]) -> bool:
    """Return whether rows of the model name their account."""
    return any(field.column == "account_id" for field in model._meta.local_concrete_fields)


def carries_account(model: type[Model]) -> bool:
    """Return whether rows of the model carry the account in their primary key."""
    return model._meta.db_table in REFERENCE_TABLES | ACCOUNT_TABLES and has_account(model)


def check_tables(**kwargs: Any) -> list[CheckMessage]:
    """Refuse a table that no list names, or that two name (system check)."""
    kinds = [REFERENCE_TABLES, ACCOUNT_TABLES, LOCAL_TABLES]
    return [
        Error(
            f"Table {model._meta.db_table} must be in one list of hubcustomers/tenancy/tables.py.",
            obj=model,
            id="hubcustomers.E001",
        )
        for model in apps.get_models(include_auto_created=True)
        if sum(model._meta.db_table in kind for kind in kinds) != 1
    ]
