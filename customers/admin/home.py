"""What the first page of the back-office tells of customers."""

from datetime import date, timedelta
from typing import Any

from django.db import connection
from django.http import HttpRequest
from django.urls import reverse
from django.utils.formats import number_format
from django.utils.translation import gettext as _

from customers.models import Customer
from hubcustomers.backoffice.charts import Series, bars, short_day
from hubcustomers.backoffice.figures import register_figures
from hubcustomers.backoffice.home import Panel, Tile, may, register_panel

NAME = "customers"
DAYS = 30

# One pass over the account's customers; null is every day before the first that is shown.
_COUNT = """
SELECT day, count(*), count(*) FILTER (WHERE created_at >= now() - interval '7 days')
FROM (
    SELECT created_at, CASE WHEN created_at >= (%(first)s::date)::timestamp AT TIME ZONE %(zone)s
        THEN (created_at AT TIME ZONE %(zone)s)::date END AS day
    FROM customers_customer WHERE account_id = %(account)s AND merged_into_id IS NULL
) AS customer
GROUP BY day
"""


def count(account: Any) -> dict[str, Any]:
    """Count the account's customers, and the new ones of each of the last thirty days."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT (now() AT TIME ZONE %s)::date", [account.timezone])
        today: date = cursor.fetchone()[0]
        first = today - timedelta(days=DAYS - 1)
        cursor.execute(_COUNT, {"account": account.pk, "zone": account.timezone, "first": first})
        rows = cursor.fetchall()
    by_day = {day: made for day, made, _new in rows if day is not None}
    days = [first + timedelta(days=number) for number in range(DAYS)]
    return {
        "total": sum(made for _day, made, _new in rows),
        "new": sum(new for _day, _made, new in rows),
        "days": [[day.isoformat(), by_day.get(day, 0)] for day in days],
    }


def present(request: HttpRequest, account: Any, counted: dict[str, Any]) -> Panel:
    """Show the figures to who may look at customers."""
    if not may(request, Customer, "view", account):
        return Panel()
    every = f"{reverse('admin:customers_customer_changelist')}?account={account.pk}"
    if not counted:
        return Panel(tiles=[Tile(_("Customers"), "…", every), Tile(_("New in 7 days"), "…")])
    labels = [short_day(day) for day, _made in counted["days"]]
    made = Series(_("new customers"), [number for _day, number in counted["days"]])
    return Panel(
        tiles=[
            Tile(_("Customers"), number_format(counted["total"], force_grouping=True), every),
            Tile(_("New in 7 days"), number_format(counted["new"], force_grouping=True)),
        ],
        charts=[bars(_("Customers per day"), _("day"), labels, [made])],
    )


register_figures(NAME, count)
register_panel(NAME, present, order=10)
