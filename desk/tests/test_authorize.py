"""``GET|POST /oauth2/v1/authorize``: staff let an application in (companion, section 10)."""

from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from django.contrib.auth.models import User
from django.http import HttpResponse
from django.test import Client as DjangoClient

from accounts.factories import ClientFactory, ConnectionFactory, LocationFactory
from accounts.grants import redeem_code
from accounts.models import AuthorizationCode, Client, Connection
from accounts.redirect_uris import OUT_OF_BAND
from accounts.tokens import find_connection, set_blocked
from customers.factories import CustomerListFactory
from customers.models import CustomerList
from hubcustomers.backoffice.reach import Role
from hubcustomers.tests.desk import Desk, boss_desk, code_of, member_desk, staff

AUTHORIZE = "/oauth2/v1/authorize"
BACK = "https://till.example/connected?shop=1"
STATE = "a b&c=é"
ORDERS, ONE_LIST = "location[orders.read]", "location[customer_list.write]"


@pytest.fixture
def client(db: None) -> Client:
    made = ClientFactory(name="Web shop")
    made.redirect_uris = f"{BACK}\nmytill://done"
    made.save()
    return made


@pytest.fixture
def desk(bistro: Connection) -> Desk:
    return member_desk(bistro.account)


def url(client: Client, scope: str = ORDERS, **changes: str | None) -> str:
    """Return the address that the application sends its user to; None leaves one out."""
    given = {
        "client_id": client.client_id,
        "redirect_uri": BACK,
        "scope": scope,
        "state": STATE,
        **changes,
    }
    query = {name: value for name, value in given.items() if value is not None}
    return f"{AUTHORIZE}?{urlencode(query)}"


def allow(desk: Desk, address: str, **fields: str) -> HttpResponse:
    return desk.post(address, answer="allow", **fields)


def sent_back(answer: HttpResponse) -> dict[str, str]:
    """Return what the application is sent, having checked where to."""
    assert answer.status_code == 302, answer.content
    assert answer.url.startswith(f"{BACK}&")
    query = {name: values[0] for name, values in parse_qs(urlsplit(answer.url).query).items()}
    assert query.pop("shop") == "1"
    assert query.pop("state", None) == STATE
    return query


def granted(client: Client, answer: HttpResponse) -> Connection:
    """Return the connection that the application gets for its code."""
    [(name, code)] = sent_back(answer).items()
    assert name == "code"
    return find_connection(redeem_code(client, code).token)


def text_of(answer: HttpResponse) -> str:
    assert answer.status_code == 200
    return " ".join(answer.content.decode().split())


# --- allowing ---------------------------------------------------------------------------


def test_a_manager_allows_an_application_and_is_sent_back(
    desk: Desk, client: Client, bistro: Connection
) -> None:
    page = text_of(desk.get(url(client)))
    assert "Allow Web shop?" in page
    assert "Read all orders of Paris" in page

    answer = allow(desk, url(client))

    made = granted(client, answer)
    assert (made.client, made.location, made.scope) == (client, bistro.location, ORDERS)
    assert "no-store" in answer["Cache-Control"]


def test_nothing_is_granted_by_looking(desk: Desk, client: Client) -> None:
    desk.get(url(client))

    assert not AuthorizationCode.objects.exists()


def test_who_is_not_signed_in_signs_in_first(client: Client, bistro: Connection) -> None:
    marie = staff("marie", bistro.account)
    given = code_of(marie)
    http = DjangoClient()

    asked = http.get(url(client))
    assert asked.url.startswith("/admin/login/?next=/oauth2/v1/authorize")
    asked = http.post(asked.url, {"username": "marie", "password": "secret"})
    signed_in = http.post(asked.url, {"code": given})

    assert signed_in.url == url(client)
    assert "Allow Web shop?" in text_of(http.get(signed_in.url))


def test_a_password_alone_lets_no_application_in(client: Client, bistro: Connection) -> None:
    staff("marie", bistro.account)
    http = DjangoClient()
    http.post("/admin/login/", {"username": "marie", "password": "secret"})

    for answer in (http.get(url(client)), http.post(url(client), {"answer": "allow"})):
        assert answer.url.startswith("/admin/security/second-factor/")
    assert not AuthorizationCode.objects.exists()


def test_who_is_no_staff_has_to_sign_in_as_such(client: Client, bistro: Connection) -> None:
    http = DjangoClient()
    http.force_login(User.objects.create_user("eve"))

    assert http.post(url(client), {"answer": "allow"}).url.startswith("/admin/login/")


def test_an_unattended_desk_is_asked_for_the_password(client: Client, bistro: Connection) -> None:
    desk = Desk(staff("marie", bistro.account), proven=False)

    for answer in (desk.get(url(client)), allow(desk, url(client))):
        assert answer.url.startswith("/admin/security/confirm/")
    assert not AuthorizationCode.objects.exists()


def test_another_site_cannot_press_the_button(desk: Desk, client: Client) -> None:
    http = DjangoClient(enforce_csrf_checks=True)
    http.cookies = desk.http.cookies

    assert http.post(url(client), {"answer": "allow"}).status_code == 403
    assert not AuthorizationCode.objects.exists()


@pytest.mark.parametrize("state", [None, ""])
def test_without_a_state_none_is_invented(state: str | None, desk: Desk, client: Client) -> None:
    answer = allow(desk, url(client, state=state))

    assert ("state=" in answer.url) is (state is not None)


def test_the_form_may_lead_to_the_application_and_nowhere_else(desk: Desk, client: Client) -> None:
    page = desk.get(url(client))

    policy = dict(part.split(" ", 1) for part in page["Content-Security-Policy"].split("; "))
    assert policy["form-action"] == "'self' https://till.example"
    assert policy["script-src"] == "'self' 'unsafe-eval'"
    assert policy["frame-ancestors"] == "'none'"
    assert page["X-Frame-Options"] == "DENY"


def test_an_app_on_a_telephone_is_opened_by_its_own_scheme(desk: Desk, client: Client) -> None:
    address = url(client, redirect_uri="mytill://done")

    assert "form-action 'self' mytill:;" in desk.get(address)["Content-Security-Policy"]
    assert allow(desk, address).url.startswith("mytill://done?code=")


def test_the_only_registered_address_need_not_be_sent(desk: Desk, client: Client) -> None:
    client.redirect_uris = BACK
    client.save()

    assert granted(client, allow(desk, url(client, redirect_uri=None)))


def test_without_an_address_the_page_shows_the_code(desk: Desk, client: Client) -> None:
    page = allow(desk, url(client, redirect_uri=OUT_OF_BAND))

    assert "It works once, within ten minutes." in text_of(page)
    assert "no-store" in page["Cache-Control"]
    assert redeem_code(client, page.context["code"])
    assert page.context["code"] in page.content.decode()


# --- refusing ---------------------------------------------------------------------------


@pytest.mark.parametrize("role", Role.values)
def test_whoever_refuses_sends_the_application_away(
    role: str, client: Client, bistro: Connection
) -> None:
    answer = member_desk(bistro.account, role=role).post(url(client), answer="refuse")

    assert sent_back(answer) == {"error": "access_denied"}
    assert not AuthorizationCode.objects.exists()


def test_a_refusal_without_an_address_is_told_to_the_user(desk: Desk, client: Client) -> None:
    answer = desk.post(url(client, redirect_uri=OUT_OF_BAND), answer="refuse")

    assert "gets no access" in text_of(answer)


# --- who may ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("role", "may"),
    [(Role.MANAGER, True), (Role.OPERATOR, True), (Role.SUPPORT, False), (Role.PRIVACY, False)],
)
def test_who_may_make_connections_may_allow_them(
    role: str, may: bool, client: Client, bistro: Connection
) -> None:
    desk = member_desk(bistro.account, role=role)

    assert desk.get(url(client)).status_code == (200 if may else 403)
    assert allow(desk, url(client)).status_code == (302 if may else 403)
    assert AuthorizationCode.objects.exists() is may


def test_nobody_allows_anything_at_a_foreign_place(
    desk: Desk, client: Client, bistro: Connection, rival: Connection
) -> None:
    support = member_desk(rival.account, role=Role.SUPPORT)
    for place in (rival.location.public_id, rival.account.public_id, "nonsense", "a\x00"):
        for user in (desk, support):
            page = allow(user, f"{url(client)}&place={place}")
            assert page.status_code in {200, 403}
            shown = page.content.decode()
            assert "Rival" not in shown
            assert "Lyon" not in shown
    assert not AuthorizationCode.objects.exists()


def test_a_member_of_two_accounts_grants_where_the_role_allows(
    client: Client, bistro: Connection, rival: Connection
) -> None:
    user = staff("marie", bistro.account)
    user.memberships.create(account=rival.account, role=Role.SUPPORT)

    page = text_of(Desk(user).get(url(client)))

    assert "Read all orders of Paris" in page
    assert "Lyon" not in page


# --- which place ------------------------------------------------------------------------


def test_a_location_is_chosen_where_there_are_several(
    desk: Desk, client: Client, bistro: Connection
) -> None:
    nice = LocationFactory(account=bistro.account, name="Nice")
    page = text_of(desk.get(url(client)))
    assert "Paris" in page
    assert "Nice" in page
    assert allow(desk, url(client)).status_code == 200
    assert not AuthorizationCode.objects.exists()

    chosen = f"{url(client)}&place={nice.public_id}"
    assert "Read all orders of Nice" in text_of(desk.get(chosen))

    assert granted(client, allow(desk, chosen)).location == nice


def test_an_account_is_chosen_for_a_scope_of_accounts(
    client: Client, bistro: Connection, rival: Connection
) -> None:
    desk = member_desk(bistro.account, rival.account)
    address = url(client, "account[orders.write]")
    assert "Paris" not in text_of(desk.get(address))

    made = granted(client, allow(desk, f"{address}&place={rival.account.public_id}"))

    assert (made.account, made.location) == (rival.account, None)
    # A location is no place for such a scope.
    answer = desk.get(f"{address}&place={bistro.location.public_id}")
    assert "Where may it connect?" in text_of(answer)


def test_many_places_are_searched(client: Client, bistro: Connection) -> None:
    for number in range(60):
        LocationFactory(account=bistro.account, name=f"Shop {number:02}")
    boss = boss_desk()

    page = text_of(boss.get(url(client)))
    assert "There are more than can be shown" in page
    assert page.count('type="radio"') == 50

    found = text_of(boss.get(f"{url(client)}&place=&q=shop 5"))
    assert found.count('type="radio"') == 10
    assert "Nothing is found." in text_of(boss.get(f"{url(client)}&q=%00"))


def test_pages_take_few_queries(
    desk: Desk, client: Client, bistro: Connection, django_assert_max_num_queries: Any
) -> None:
    LocationFactory.create_batch(30, account=bistro.account)

    # Client; session, user, memberships; places, to see whether there is a choice.
    with django_assert_max_num_queries(6):
        desk.get(url(client))
    with django_assert_max_num_queries(7):
        desk.get(f"{url(client)}&place={bistro.location.public_id}")


# --- which list -------------------------------------------------------------------------


def test_the_list_is_chosen_among_those_in_reach(
    desk: Desk, client: Client, bistro: Connection, customer_list: CustomerList, rival: Connection
) -> None:
    shared = CustomerListFactory(account=bistro.account, name="Everybody")
    elsewhere = LocationFactory(account=bistro.account)
    foreign = [
        CustomerListFactory(account=bistro.account, location=elsewhere),
        CustomerListFactory(account=rival.account),
    ]
    address = f"{url(client, ONE_LIST)}&place={bistro.location.public_id}"
    page = text_of(desk.get(address))
    assert "Everybody (whole account)" in page

    for row in foreign:
        assert row.public_id not in page
        assert "Select a valid choice" in text_of(allow(desk, address, customer_list=row.public_id))
    assert "Choose a list." in text_of(allow(desk, address))
    for row in CustomerList.objects.filter(pk__in=[customer_list.pk, shared.pk]):
        answer = allow(desk, address, customer_list=row.public_id)
        assert granted(client, answer).customer_list_id == row.pk


def test_a_list_can_be_made_on_the_way(desk: Desk, client: Client, bistro: Connection) -> None:
    assert "A new list named “Web shop”" in text_of(desk.get(url(client, ONE_LIST)))

    made = granted(client, allow(desk, url(client, ONE_LIST), customer_list="new"))

    chosen = CustomerList.objects.get()
    assert (chosen.name, chosen.location) == ("Web shop", bistro.location)
    assert made.customer_list_id == chosen.pk
    assert "A new list" not in text_of(desk.get(url(client, ONE_LIST)))


# --- what there is already --------------------------------------------------------------


def test_a_connection_that_exists_is_told_of(
    desk: Desk, client: Client, bistro: Connection
) -> None:
    assert "connected there already" not in text_of(desk.get(url(client)))
    connection = ConnectionFactory(account=bistro.account, location=bistro.location, client=client)

    assert "connected there already" in text_of(desk.get(url(client)))
    assert "connected there already" not in text_of(desk.get(url(client, device_id="kiosk")))
    assert granted(client, allow(desk, url(client))) == connection


def test_a_blocked_connection_cannot_be_allowed_again(
    desk: Desk, client: Client, bistro: Connection
) -> None:
    connection = ConnectionFactory(account=bistro.account, location=bistro.location, client=client)
    set_blocked(connection, blocked=True)

    for page in (desk.get(url(client)), allow(desk, url(client))):
        assert "stays so until a manager" in text_of(page)
        assert 'value="allow"' not in text_of(page)
    assert not AuthorizationCode.objects.exists()


# --- requests that make no sense --------------------------------------------------------


@pytest.mark.parametrize(
    "changes",
    [
        {"client_id": None},
        {"client_id": "nobody"},
        {"client_id": "a\x00b"},
        {"redirect_uri": None},
        {"redirect_uri": "https://evil.example/"},
        {"redirect_uri": f"{BACK}&more=1"},
        {"redirect_uri": f"{BACK}\nmytill://done"},
        {"redirect_uri": "javascript:alert(1)"},
    ],
)
def test_nobody_is_sent_to_an_address_that_is_not_registered(
    changes: dict[str, str | None], desk: Desk, client: Client
) -> None:
    for method in ("get", "post"):
        answer = getattr(desk.http, method)(url(client, **changes))

        assert answer.status_code == 400
        assert "Nothing was allowed." in answer.content.decode()


def test_a_program_is_told_in_the_envelope(client: Client) -> None:
    header = {"Accept": "application/json"}

    answer = DjangoClient().get(url(client, client_id="nobody"), headers=header)

    assert answer.status_code == 400
    assert answer.json()["error_type"] == "bad_request"


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"scope": None}, "invalid_scope"),
        ({"scope": "everything"}, "invalid_scope"),
        ({"scope": "location[]"}, "invalid_scope"),
        ({"scope": f"location[{'a' * 1000}.read]"}, "invalid_scope"),
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"device_id": "x" * 256}, "invalid_request"),
        ({"device_id": "a\x00"}, "invalid_request"),
    ],
)
def test_what_cannot_be_granted_goes_back_to_the_application(
    changes: dict[str, Any], error: str, client: Client
) -> None:
    # Nobody has to sign in for it.
    answer = sent_back(DjangoClient().get(url(client, **changes)))

    assert answer["error"] == error
    assert answer["error_description"]


def test_the_same_without_an_address_is_told_to_the_user(client: Client) -> None:
    answer = DjangoClient().get(url(client, "everything", redirect_uri=OUT_OF_BAND))

    assert answer.status_code == 400
    assert "must look like location[" in answer.content.decode()


@pytest.mark.parametrize("method", ["PUT", "DELETE", "OPTIONS", "PATCH"])
def test_other_methods_are_refused(method: str, client: Client) -> None:
    answer = DjangoClient().generic(method, url(client))

    assert answer.status_code == 405
    assert answer["Allow"] == "GET, HEAD, POST"
    assert answer.json()["error_type"] == "method_not_allowed"


def test_no_other_site_may_read_the_page(desk: Desk, client: Client) -> None:
    answer = desk.http.get(url(client), headers={"Origin": "https://evil.example"})

    assert not [name for name in answer.headers if name.startswith("Access-Control")]


def test_hostile_names_do_no_harm(desk: Desk, client: Client, bistro: Connection) -> None:
    hostile = "<script>alert(1)</script>\"'\u202e" + "😀" * 100
    client.name = bistro.location.name = bistro.account.name = hostile
    for row in (client, bistro.location, bistro.account):
        row.save()
    CustomerListFactory(account=bistro.account, name=hostile)

    for address in (url(client, ONE_LIST), url(client, redirect_uri="<script>")):
        assert "<script>alert" not in desk.get(address).content.decode()


@pytest.mark.parametrize("method", ["PUT", "DELETE", "OPTIONS", "QUERY"])
def test_a_method_that_there_is_not_is_told_before_the_forms_token(method: str) -> None:
    http = DjangoClient(enforce_csrf_checks=True)

    answer = http.generic(method, "/oauth2/v1/authorize")

    assert (answer.status_code, answer["Allow"]) == (405, "GET, HEAD, POST")


def test_an_answer_without_the_forms_token_is_refused() -> None:
    answer = DjangoClient(enforce_csrf_checks=True).post("/oauth2/v1/authorize", {"answer": "yes"})

    assert answer.status_code == 403
