"""What the first page of the back-office tells of points, and the way to a card."""

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from django.db import connection
from django.http import HttpRequest
from django.urls import reverse
from django.utils.formats import number_format
from django.utils.translation import gettext as _

from hubcustomers.api.fields import plain_decimal
from hubcustomers.backoffice.charts import Series, bars, ranking, short_day
from hubcustomers.backoffice.figures import register_figures
from hubcustomers.backoffice.home import Panel, Tile, may, register_panel
from loyalty.models import LoyaltyCard

NAME = "loyalty"
WEEKS = 12
_MOST_LOCATIONS = 12

_OUTSTANDING = """
SELECT coalesce(sum(balance), 0)::text FROM loyalty_loyaltycard WHERE account_id = %(account)s
"""
# What was voided, and what voids it, is as if it had not been.
_WEEKS = """
SELECT date_trunc('week', operation.created_at AT TIME ZONE %(zone)s)::date,
    coalesce(sum(delta) FILTER (WHERE delta > 0), 0)::text,
    coalesce(-sum(delta) FILTER (WHERE delta < 0), 0)::text
FROM loyalty_loyaltyoperation AS operation
WHERE account_id = %(account)s AND voids_id IS NULL
    AND created_at >= (%(first)s::date)::timestamp AT TIME ZONE %(zone)s
    AND NOT EXISTS (SELECT FROM loyalty_loyaltyoperation AS void
        WHERE void.account_id = %(account)s AND void.voids_id = operation.id)
GROUP BY 1
"""
# An operation happens where its order was placed, else where its list belongs.
_LOCATIONS = """
SELECT coalesce(placed.location_id, list.location_id), count(*)
FROM loyalty_loyaltyoperation AS operation
JOIN loyalty_loyaltycard AS card
    ON card.id = operation.card_id AND card.account_id = operation.account_id
JOIN customers_customerlist AS list
    ON list.id = card.customer_list_id AND list.account_id = card.account_id
LEFT JOIN orders_order AS placed
    ON placed.id = operation.order_id AND placed.account_id = operation.account_id
WHERE operation.account_id = %(account)s AND operation.created_at >= now() - interval '30 days'
GROUP BY 1
"""
_ACTIVE = """
SELECT count(*) FROM (
    SELECT card.customer_id FROM loyalty_loyaltyoperation AS operation
    JOIN loyalty_loyaltycard AS card
        ON card.id = operation.card_id AND card.account_id = operation.account_id
    WHERE operation.account_id = %(account)s AND card.joined_into_id IS NULL
        AND operation.created_at >= now() - interval '30 days'
    UNION
    SELECT id FROM customers_customer
    WHERE account_id = %(account)s AND last_order_date >= now() - interval '30 days'
) AS active
"""


def count(account: Any) -> dict[str, Any]:
    """Count points and operations."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT date_trunc('week', now() AT TIME ZONE %s)::date", [account.timezone])
        first: date = cursor.fetchone()[0] - timedelta(weeks=WEEKS - 1)
        values = {"account": account.pk, "zone": account.timezone, "first": first}

        def rows(sql: str) -> list[Any]:
            cursor.execute(sql, values)
            return cursor.fetchall()

        weeks = {week: (earned, used) for week, earned, used in rows(_WEEKS)}
        starts = [first + timedelta(weeks=number) for number in range(WEEKS)]
        return {
            "outstanding": rows(_OUTSTANDING)[0][0],
            "active": rows(_ACTIVE)[0][0],
            "weeks": [[week.isoformat(), *weeks.get(week, ("0", "0"))] for week in starts],
            "locations": rows(_LOCATIONS),
        }


def present(request: HttpRequest, account: Any, counted: dict[str, Any]) -> Panel:
    """Show the figures to who may look at cards, and the box that finds a card."""
    if not may(request, LoyaltyCard, "view", account):
        return Panel()
    cards = f"{reverse('admin:loyalty_loyaltycard_changelist')}?account={account.pk}"
    tools = ["admin/hub/find_card.html"]
    if not counted:
        return Panel(
            tools=tools,
            tiles=[Tile(_("Active in 30 days"), "…"), Tile(_("Points outstanding"), "…", cards)],
        )
    outstanding = Decimal(counted["outstanding"])
    return Panel(
        tools=tools,
        tiles=[
            Tile(_("Active in 30 days"), number_format(counted["active"], force_grouping=True)),
            Tile(_("Points outstanding"), _points(outstanding), cards),
        ],
        charts=[_weeks(counted), _locations(account, counted)],
    )


def _weeks(counted: dict[str, Any]) -> Any:
    labels = [short_day(week) for week, *_rest in counted["weeks"]]
    earned = [Decimal(value) for _week, value, _used in counted["weeks"]]
    used = [Decimal(value) for _week, _earned, value in counted["weeks"]]
    series = [Series(_("earned"), earned), Series(_("used"), used)]
    return bars(_("Points earned and used per week"), _("week from"), labels, series)


def _locations(account: Any, counted: dict[str, Any]) -> Any:
    from accounts.models import Location

    names = dict(Location.objects.for_account(account).values_list("pk", "name"))
    found = [(names.get(number, _("Whole account")), made) for number, made in counted["locations"]]
    found.sort(key=lambda one: -one[1])
    title = _("Operations per location, last 30 days")
    return ranking(title, [_("location"), _("operations")], found[:_MOST_LOCATIONS])


def _points(value: Decimal) -> str:
    whole = value == value.to_integral_value()
    if whole:
        return str(number_format(int(value), force_grouping=True))
    return plain_decimal(value) if abs(value) < 1000 else _grouped(value)


def _grouped(value: Decimal) -> str:
    return str(number_format(value.quantize(Decimal("0.01")), 2, force_grouping=True))


register_figures(NAME, count)
register_panel(NAME, present, order=20)
