"""What the first page of the back-office tells of connections."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from django.db.models import F
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.models import Connection
from hubcustomers.backoffice.attention import Line, register_attention
from hubcustomers.backoffice.display import change_url, short
from hubcustomers.backoffice.home import may

_MOST = 5


def find_blocked_callers(request: HttpRequest, account: Any) -> Iterator[Line]:
    """Tell of blocked connections that have called within the last day."""
    if not may(request, Connection, "view", account):
        return
    rows = (
        Connection.objects.for_account(account)
        .filter(
            blocked_at__isnull=False,
            uses__refused_at__gt=F("blocked_at"),
            uses__refused_at__gte=timezone.now() - timedelta(days=1),
        )
        .select_related("client", "location", "account")
    )
    for row in rows.order_by("pk")[:_MOST]:
        text = _("%s is blocked and still calls.") % short(str(row))
        yield Line(text, change_url(row))


register_attention(find_blocked_callers)
