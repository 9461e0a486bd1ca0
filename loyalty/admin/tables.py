"""How operations read in the tables of the back-office."""

from typing import Any

from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from hubcustomers.public_ids import loyalty_operation_ids


def void_of(operation: Any) -> str | SafeString:
    """Return a link to what voids the operation, read ``with_voids``, or to what it voids."""
    if operation.voids_id is not None:
        return _to(operation.voids_id, _("voids %s"))
    if operation.voided_by_id is not None:
        return _to(operation.voided_by_id, _("voided by %s"))
    return "-"


def _to(number: int, text: str) -> SafeString:
    # The number alone is known; the row itself need not be read for its address.
    return format_html(
        '<a href="{}" class="text-primary-600 dark:text-primary-500">{}</a>',
        reverse("admin:loyalty_loyaltyoperation_change", args=[number]),
        text % loyalty_operation_ids.encode(number),
    )
