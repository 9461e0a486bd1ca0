"""How the back-office looks: names, colours and the sidebar (django-unfold's settings)."""

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest
from django.urls import reverse_lazy
from django.utils.translation import gettext_lazy as _


def _may_view(app: str, model: str) -> Callable[[HttpRequest], bool]:
    def may_view(request: HttpRequest) -> bool:
        # Settings are read before models exist.
        from django.apps import apps
        from django.contrib import admin

        model_admin = admin.site.get_model_admin(apps.get_model(app, model))
        return bool(model_admin.has_view_permission(request))

    return may_view


def _item(title: Any, icon: str, app: str, model: str) -> dict[str, Any]:
    return {
        "title": title,
        "icon": icon,
        "link": reverse_lazy(f"admin:{app}_{model}_changelist"),
        "permission": _may_view(app, model),
    }


def _file(name: str) -> Callable[[HttpRequest], str]:
    def address(request: HttpRequest) -> str:
        from django.templatetags.static import static

        return static(f"hub/{name}")

    return address


UNFOLD: dict[str, Any] = {
    "STYLES": [_file("pages.css"), _file("charts.css")],
    "SCRIPTS": [_file("keyboard.js")],
    "SITE_FAVICONS": [{"rel": "icon", "type": "image/svg+xml", "href": _file("icon.svg")}],
    "DASHBOARD_CALLBACK": "hubcustomers.backoffice.home.dashboard",
    "SITE_TITLE": "hubcustomers",
    "SITE_HEADER": "hubcustomers",
    "SITE_SUBHEADER": _("Customers and loyalty"),
    "SITE_SYMBOL": "loyalty",
    # There is no other site to view.
    "SITE_URL": None,
    "SHOW_VIEW_ON_SITE": False,
    "SHOW_BACK_BUTTON": True,
    "SHOW_LANGUAGES": True,
    "BORDER_RADIUS": "6px",
    "COLORS": {
        "primary": {
            "50": "oklch(97.1% .014 200)",
            "100": "oklch(94.1% .03 200)",
            "200": "oklch(89% .055 200)",
            "300": "oklch(81% .09 200)",
            "400": "oklch(71% .11 200)",
            # Links on dark grounds, which are read from a contrast of 4.5 on.
            "500": "oklch(65% .108 203)",
            "600": "oklch(50% .09 210)",
            "700": "oklch(44% .08 212)",
            "800": "oklch(38% .065 214)",
            "900": "oklch(33% .055 216)",
            "950": "oklch(24% .045 218)",
        },
    },
    "ACCOUNT": {
        "navigation": [{"title": _("Your security"), "link": reverse_lazy("security")}],
    },
    "SIDEBAR": {
        "show_search": False,
        "show_all_applications": False,
        "navigation": [
            {
                "title": _("Customers"),
                "items": [
                    _item(_("Customers"), "group", "customers", "customer"),
                    _item(_("Customer lists"), "lists", "customers", "customerlist"),
                    _item(_("Background jobs"), "pending_actions", "transfer", "job"),
                ],
            },
            {
                "title": _("Privacy"),
                "separator": True,
                "items": [
                    _item(_("Requests"), "inbox", "desk", "privacyrequest"),
                    _item(_("Consent"), "how_to_reg", "customers", "consentchange"),
                    _item(_("Retention"), "auto_delete", "desk", "retentionrule"),
                    _item(_("Erasure certificates"), "verified_user", "desk", "erasurecertificate"),
                ],
            },
            {
                "title": _("Loyalty"),
                "separator": True,
                "items": [
                    _item(_("Loyalty cards"), "loyalty", "loyalty", "loyaltycard"),
                    _item(_("Operations"), "receipt_long", "loyalty", "loyaltyoperation"),
                ],
            },
            {
                "title": _("Events"),
                "separator": True,
                "items": [
                    _item(_("Events"), "notifications", "callbacks", "event"),
                    _item(_("Callbacks"), "send", "callbacks", "callback"),
                ],
            },
            {
                "title": _("Access"),
                "separator": True,
                "items": [
                    _item(_("Connections"), "cable", "accounts", "connection"),
                    _item(_("Clients"), "apps", "accounts", "client"),
                    _item(_("Accounts"), "store", "accounts", "account"),
                    _item(_("Locations"), "location_on", "accounts", "location"),
                    _item(_("Memberships"), "badge", "accounts", "membership"),
                    _item(_("Staff users"), "person", "auth", "user"),
                ],
            },
        ],
    },
}
