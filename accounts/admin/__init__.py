"""The back-office of accounts: who may call the API, and which staff works where."""

from accounts.admin import home
from accounts.admin.accounts import AccountAdmin, LocationAdmin
from accounts.admin.clients import ClientAdmin
from accounts.admin.connections import ConnectionAdmin
from accounts.admin.staff import MembershipAdmin, StaffUserAdmin

__all__ = [
    "AccountAdmin",
    "ClientAdmin",
    "ConnectionAdmin",
    "LocationAdmin",
    "MembershipAdmin",
    "StaffUserAdmin",
    "home",
]
