"""A desk in the back-office: staff who fill in the pages' own forms, as a browser does."""

import time
from html.parser import HTMLParser
from typing import Any

from django.contrib.auth.models import User
from django.db import connection
from django.test import Client as DjangoClient
from django.urls import reverse

from accounts.models import Membership
from hubcustomers.backoffice.reach import Role
from hubcustomers.encryption import decrypt, encrypt
from signin import totp
from signin.models import SecondFactor


class Desk:
    """One staff user at work in the back-office, who has just signed in properly.

    ``proven=False`` is one whom the hub still asks to prove who they are.
    """

    def __init__(self, user: User | None = None, *, proven: bool = True) -> None:
        self.user = user
        self.http = DjangoClient()
        if user is not None:
            sign_in(self.http, user, proven=proven)

    def get(self, path: str, **params: Any) -> Any:
        return self.http.get(path, params)

    def post(self, path: str, **data: Any) -> Any:
        return self.http.post(path, data)

    def form(self, path: str) -> dict[str, Any]:
        """Return what the page's form would send, untouched."""
        page = self.get(path)
        assert page.status_code == 200, page.status_code
        reader = _FormReader()
        reader.feed(page.content.decode())
        return reader.values

    def save(self, path: str, /, **changes: Any) -> Any:
        """Open the page, change these fields of its form and send it."""
        return self.http.post(path, {**self.form(path), **changes})


def sign_in(http: DjangoClient, user: User, *, proven: bool = True) -> None:
    """Sign the user in by password and second factor; unproven, that was a while ago."""
    enrol(user)
    http.force_login(user)
    session = http.session
    session["hub_second_factor"] = True
    session["hub_confirmed_at"] = time.time() if proven else 0
    session.save()


def enrol(user: User) -> SecondFactor:
    """Give the user a second factor, where there is none yet."""
    factor, _made = SecondFactor.objects.get_or_create(
        user=user, defaults={"sealed_secret": encrypt(totp.new_secret()), "last_step": 0}
    )
    return factor


def code_of(user: User) -> str:
    """Return the code that the user's authenticator app shows now, as if none were used yet."""
    factor = enrol(user)
    SecondFactor.objects.filter(pk=factor.pk).update(last_step=0)
    return totp.code_at(decrypt(factor.sealed_secret), totp.step_now())


class _FormReader(HTMLParser):
    """Reads the fields of the admin's own form."""

    def __init__(self) -> None:
        super().__init__()
        self.values: dict[str, Any] = {}
        self.inside = False
        self.select: str | None = None
        self.area: str | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            action = given.get("action", "")
            self.inside = given.get("id", "").endswith("_form") or action.endswith("/post/")
        if not self.inside:
            return
        name = given.get("name", "")
        if tag == "input" and given.get("type") in {"checkbox", "radio"}:
            if "checked" in given:
                self.values[name] = given.get("value", "on")
        elif tag == "input" and name:
            self.values[name] = given.get("value", "")
        elif tag == "select":
            self.select = name
        elif tag == "option" and self.select and "selected" in given:
            self.values[self.select] = given.get("value", "")
        elif tag == "textarea":
            self.area = name
            self.values[name] = ""

    def handle_data(self, data: str) -> None:
        if self.area:
            self.values[self.area] += data

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self.inside = False
        if tag == "select":
            self.select = None
        if tag == "textarea" and self.area:
            # A browser leaves out the line break that HTML puts first.
            self.values[self.area] = self.values[self.area].removeprefix("\r\n").removeprefix("\n")
            self.area = None


def staff(name: str, *accounts: Any, role: str = Role.MANAGER, **fields: Any) -> User:
    """Return a staff user who is a member of the accounts, in that role."""
    user = User.objects.create_user(name, password="secret", is_staff=True, **fields)
    for account in accounts:
        Membership.objects.create(user=user, account=account, role=role)
    return user


def member_desk(*accounts: Any, role: str = Role.MANAGER) -> Desk:
    """Return the desk of a member of these accounts, of none where none is given."""
    return Desk(staff(f"{role} of {[account.pk for account in accounts]}", *accounts, role=role))


def boss_desk() -> Desk:
    """Return a superuser's desk."""
    return Desk(User.objects.create_superuser("boss", password="secret"))


def in_french(desk: Desk) -> Desk:
    """Have the desk's pages speak French."""
    desk.http.cookies["django_language"] = "fr"
    return desk


def list_url(model: Any) -> str:
    """Return the address of the model's list page."""
    return reverse(f"admin:{model._meta.label_lower.replace('.', '_')}_changelist")


def add_url(model: Any) -> str:
    """Return the address of the page that adds one."""
    return reverse(f"admin:{model._meta.label_lower.replace('.', '_')}_add")


def url(obj: Any, page: str = "change") -> str:
    """Return the address of a page of the object."""
    return reverse(f"admin:{obj._meta.label_lower.replace('.', '_')}_{page}", args=[obj.pk])


def errors_of(response: Any) -> dict[str, list[str]]:
    """Return the form's errors by field; those of no field are under ``""``."""
    assert response.status_code == 200
    errors = response.context["adminform"].form.errors
    return {("" if name == "__all__" else name): list(texts) for name, texts in errors.items()}


def settle() -> None:
    """Let the ledger's deferred triggers judge now, as at the end of a transaction."""
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("SET CONSTRAINTS ALL DEFERRED")
