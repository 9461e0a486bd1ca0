"""The back-office of loyalty cards and their operations."""

from loyalty.admin import home
from loyalty.admin.cards import LoyaltyCardAdmin
from loyalty.admin.operations import LoyaltyOperationAdmin

__all__ = ["LoyaltyCardAdmin", "LoyaltyOperationAdmin", "home"]
