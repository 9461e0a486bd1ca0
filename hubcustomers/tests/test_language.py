"""English and French pages; the API speaks English whoever asks."""

import html
import re
from datetime import UTC, date, datetime

import pytest
from django.contrib.auth.models import User
from django.test import Client as DjangoClient

from accounts.models import Connection
from callbacks.factories import EventFactory
from callbacks.models import Callback, DeliveryAttempt, Event
from conftest import HubClient
from customers.models import Customer, CustomerList
from desk.factories import request_of
from hubcustomers.backoffice import figures
from hubcustomers.backoffice.reach import Role
from hubcustomers.models import AuditEntry
from hubcustomers.tests.desk import Desk, add_url, boss_desk, in_french, list_url, staff, url
from loyalty.factories import LoyaltyCardFactory

LISTS = "/admin/customers/customerlist/"


def manager(bistro: Connection) -> User:
    return staff("marie", bistro.account, role=Role.MANAGER)


def test_the_browsers_language_is_that_of_the_page(bistro: Connection) -> None:
    desk = Desk(manager(bistro))

    page = desk.http.get(LISTS, headers={"Accept-Language": "fr-CH, fr;q=0.9, en;q=0.8"})

    assert page.headers["Content-Language"] == "fr"
    assert "Listes de clients" in page.content.decode()


def test_the_user_menu_changes_the_language(bistro: Connection) -> None:
    desk = Desk(manager(bistro))
    assert 'name="language" type="hidden" value="fr"' in desk.get(LISTS).content.decode()

    chosen = desk.post("/admin/language/", language="fr", next=LISTS)

    assert chosen.headers["Location"] == LISTS
    assert desk.get(LISTS).headers["Content-Language"] == "fr"
    assert chosen.cookies["django_language"]["httponly"]


def test_the_sign_in_page_is_french_for_who_prefers_that(db: None) -> None:
    page = DjangoClient().get("/admin/login/", headers={"Accept-Language": "fr"})

    assert "Mot de passe" in page.content.decode()


def test_a_refusal_in_a_form_is_french(bistro: Connection, customer: Customer) -> None:
    desk = in_french(Desk(manager(bistro)))

    page = desk.save(f"/admin/customers/customer/{customer.pk}/change/", latitude="95")

    assert "doit être compris entre -90 et 90" in page.content.decode()


@pytest.mark.parametrize(
    ("address", "sentence"),
    [
        ("ftp://example.com/", "doit commencer par http:// ou https://"),
        ("http://[::]/", "adresse de type «\u00a0unspecified\u00a0» (::)"),
        ("http://224.0.0.1/", "adresse de type «\u00a0multicast\u00a0» (224.0.0.1)"),
    ],
)
def test_a_sentence_of_the_api_is_french_with_its_values(
    address: str, sentence: str, bistro: Connection
) -> None:
    desk = in_french(Desk(manager(bistro)))

    page = desk.save(add_url(Callback), connection=bistro.pk, url=address)

    assert sentence in html.unescape(page.content.decode())


def test_what_a_worker_kept_in_english_is_read_in_french(bistro: Connection) -> None:
    event = EventFactory(connection=bistro)
    for minutes, error in enumerate(
        (
            "the name example.com was not found",
            "must not lead to a private address (10.0.0.1)",
            "[Errno 111] Connection refused",
        )
    ):
        DeliveryAttempt.objects.create(
            account=event.account,
            event=event,
            started_at=datetime(2026, 5, 1, 12, minutes, tzinfo=UTC),
            duration_ms=76,
            error=error,
        )
    desk = in_french(Desk(manager(bistro)))

    page = html.unescape(desk.get(url(event)).content.decode())

    assert "le nom example.com est introuvable" in page
    assert "«\u00a0private\u00a0» (10.0.0.1)" in page
    assert "[Errno 111] Connection refused" in page
    shown = desk.get(list_url(Event)).content.decode().replace("\u00a0", " ")
    assert "aucune réponse, 76 ms" in shown


def test_the_form_of_an_account_refuses_in_french(bistro: Connection) -> None:
    desk = in_french(boss_desk())

    page = desk.save(url(bistro.account), currency="eur", timezone="Paris")

    assert "doit être composé de trois lettres majuscules" in page.content.decode()
    assert "doit être un fuseau horaire" in page.content.decode()


def test_the_titles_of_pages_fit_every_name(bistro: Connection) -> None:
    desk = in_french(boss_desk())

    def title(path: str) -> str:
        page = desk.get(path).content.decode().replace("\u00a0", " ")
        return re.search("<title>\\s*(.*?)\\s*</title>", page, re.DOTALL)[1]

    location = bistro.location
    assert title(list_url(type(location))) == "Établissements | hubcustomers"
    assert title(add_url(type(location))) == "Ajout : établissement | hubcustomers"
    assert title(url(location)).endswith("| Modification : établissement | hubcustomers")
    assert title(add_url(User)) == "Ajout : utilisateur | hubcustomers"
    assert title(list_url(User)) == "Utilisateurs | hubcustomers"


def test_a_constraint_refuses_in_french(bistro: Connection, customer_list: CustomerList) -> None:
    desk = in_french(Desk(manager(bistro)))
    path = f"{LISTS}add/"

    page = desk.save(path, name=customer_list.name, location=str(customer_list.location_id))

    assert "existe déjà" in page.content.decode()


def test_the_trail_keeps_english_and_is_read_in_the_users_language(
    bistro: Connection, customer: Customer
) -> None:
    desk = in_french(Desk(manager(bistro)))
    path = f"/admin/customers/customer/{customer.pk}"

    desk.save(f"{path}/change/", first_name="Charles")

    entry = AuditEntry.objects.get()
    assert (entry.action, entry.resource_name) == ("changed", f"customer {customer.public_id}")
    page = desk.get(f"{path}/history/").content.decode()
    assert f"Client {customer.public_id}" in page
    assert "modifié" in page
    assert "prénom" in page


def test_none_and_one_are_singular_in_french(bistro: Connection, customer: Customer) -> None:
    desk = Desk(manager(bistro))
    path = f"/admin/customers/customer/{customer.pk}/anonymise/"
    LoyaltyCardFactory(customer=customer)

    english = desk.get(path).context["asked"].counts
    french = in_french(desk).get(path).context["asked"].counts

    assert [(count, name) for name, count in english] == [
        (1, "loyalty card"),
        (0, "operations"),
        (0, "orders"),
        (0, "events"),
    ]
    assert [name for name, _count in french] == [
        "carte de fidélité",
        "opération",
        "commande",
        "événement",
    ]


def test_days_are_written_as_the_language_does(bistro: Connection, customer: Customer) -> None:
    desk = in_french(Desk(manager(bistro)))
    months = "janv.|févr.|mars|avril|mai|juin|juil.|août|sept.|oct.|nov.|déc."
    asked = request_of(bistro.account, extended_on=date(2026, 5, 2), extension_reason="complex")

    desk.get("/admin/")
    while figures.refresh_due():
        pass
    [ends] = [chart.ends for chart in desk.get("/admin/").context["charts"] if not chart.empty]

    assert all(re.fullmatch(f"[0-9]+ ({months})", label) for label in ends)
    assert "2 mai 2026" in desk.get(url(asked)).content.decode()


def test_fields_are_called_as_people_call_them(bistro: Connection, customer: Customer) -> None:
    desk = Desk(manager(bistro))

    def labels() -> set[str]:
        found = re.findall(r"<label[^>]*>\s*([^<]+?)\s*<", desk.get(url(customer)).content.decode())
        return {html.unescape(label) for label in found}

    assert {"E-mail", "E-mail marketing", "SMS marketing", "State or region"} <= labels()
    in_french(desk)
    assert {"E-mail", "Marketing par e-mail", "Marketing par SMS", "Région"} <= labels()


def test_the_theme_speaks_french(bistro: Connection) -> None:
    page = in_french(Desk(manager(bistro))).get(LISTS).content.decode()

    assert "Système" in page
    assert "Type to search" not in page


def test_the_api_is_english_even_right_after_a_french_page(
    bistro: Connection, api: HubClient, customer_list: CustomerList
) -> None:
    in_french(Desk(manager(bistro))).get(LISTS)

    answer = api.request(
        "POST",
        f"/customer_lists/{customer_list.public_id}/customers",
        {"latitude": "95"},
        headers={"Accept-Language": "fr"},
    )

    assert answer.json()["message"] == "latitude must be between -90 and 90"


def test_applications_are_answered_in_english(db: None) -> None:
    answer = DjangoClient().post("/oauth2/v1/token", headers={"Accept-Language": "fr"})

    assert answer.json()["message"] == "The client id and the client secret are missing."
