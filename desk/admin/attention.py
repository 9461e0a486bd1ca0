"""What of the register of requests needs attention, for the first page of the back-office."""

from collections.abc import Iterator
from typing import Any

from django.contrib.admin import site
from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import ngettext

from desk.privacy import requests
from desk.privacy.models import PrivacyRequest
from hubcustomers.backoffice.attention import Line, register_attention


def find_due(request: HttpRequest, account: Any) -> Iterator[Line]:
    """Yield how many requests are overdue, and how many are due within a week."""
    model_admin: Any = site.get_model_admin(PrivacyRequest)
    if not model_admin.reach(request, "change").covers(account.pk):
        return
    today = requests.today_in(account)
    rows = requests.due(PrivacyRequest.objects.for_account(account), today)
    days = list(rows.values_list("due_on", flat=True)[:1000])
    over = sum(day < today for day in days)
    page = f"{reverse('admin:desk_privacyrequest_changelist')}?account={account.pk}&due="
    if over:
        text = ngettext("%d privacy request is overdue.", "%d privacy requests are overdue.", over)
        yield Line(text % over, f"{page}overdue", urgent=True)
    soon = len(days) - over
    if soon:
        text = ngettext(
            "%d privacy request is due within a week.",
            "%d privacy requests are due within a week.",
            soon,
        )
        yield Line(text % soon, f"{page}soon")


register_attention(find_due)
