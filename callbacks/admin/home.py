"""What the first page of the back-office tells of events and their delivery."""

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

from django.db import connection
from django.http import HttpRequest
from django.urls import reverse
from django.utils.formats import number_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from callbacks.models import Event
from hubcustomers.backoffice.attention import Line, register_attention
from hubcustomers.backoffice.charts import Series, bars, short_day
from hubcustomers.backoffice.figures import register_figures
from hubcustomers.backoffice.home import Panel, Tile, may, register_panel

NAME = "callbacks"
DAYS = 14
# Of more the line says "more than".
_MOST = 1000

_DELIVERIES = """
SELECT (started_at AT TIME ZONE %(zone)s)::date, status BETWEEN 200 AND 499 IS TRUE, count(*)
FROM callbacks_deliveryattempt
WHERE account_id = %(account)s AND started_at >= (%(first)s::date)::timestamp AT TIME ZONE %(zone)s
GROUP BY 1, 2
"""


def count(account: Any) -> dict[str, Any]:
    """Count the events given up, and each day's attempts of the last two weeks."""
    given_up = _given_up(account).count()
    with connection.cursor() as cursor:
        cursor.execute("SELECT (now() AT TIME ZONE %s)::date", [account.timezone])
        first: date = cursor.fetchone()[0] - timedelta(days=DAYS - 1)
        values = {"account": account.pk, "zone": account.timezone, "first": first}
        cursor.execute(_DELIVERIES, values)
        found = {(day, fine): number for day, fine, number in cursor.fetchall()}
    days = [first + timedelta(days=number) for number in range(DAYS)]
    return {
        "given_up": given_up,
        "days": [
            [day.isoformat(), found.get((day, True), 0), found.get((day, False), 0)] for day in days
        ],
    }


def present(request: HttpRequest, account: Any, counted: dict[str, Any]) -> Panel:
    """Show the figures to who looks after deliveries."""
    if not _looks_after(request, account):
        return Panel()
    if not counted:
        return Panel(tiles=[Tile(_("Failed callbacks"), "…", _given_up_url(account))])
    labels = [short_day(day) for day, _fine, _bad in counted["days"]]
    series = [
        Series(_("delivered"), [fine for _day, fine, _bad in counted["days"]]),
        Series(_("failed attempts"), [bad for _day, _fine, bad in counted["days"]]),
    ]
    failed = number_format(counted["given_up"], force_grouping=True)
    return Panel(
        tiles=[Tile(_("Failed callbacks"), failed, _given_up_url(account))],
        charts=[bars(_("Deliveries and failures"), _("day"), labels, series)],
    )


def find_given_up(request: HttpRequest, account: Any) -> Iterator[Line]:
    """Tell of events that no attempt delivered."""
    if not _looks_after(request, account):
        return
    number = _given_up(account)[: _MOST + 1].count()
    if number > _MOST:
        text = _("More than %d events were given up and wait to be sent again.") % _MOST
    elif number:
        text = ngettext(
            "%d event was given up and waits to be sent again.",
            "%d events were given up and wait to be sent again.",
            number,
        )
        text %= number
    else:
        return
    yield Line(text, _given_up_url(account), urgent=True)


def _looks_after(request: HttpRequest, account: Any) -> bool:
    return may(request, Event, "discard", account)


def _given_up(account: Any) -> Any:
    rows = Event.objects.for_account(account)
    return rows.filter(acknowledged_at=None, given_up_at__isnull=False)


def _given_up_url(account: Any) -> str:
    return f"{reverse('admin:callbacks_event_changelist')}?state=given_up&account={account.pk}"


register_figures(NAME, count)
register_panel(NAME, present, order=30)
register_attention(find_given_up)
