"""The audit trail: who did what to which object, with the names of changed fields only."""

from collections.abc import Sequence
from typing import Any

from django.apps import apps
from django.db.models import QuerySet
from django.utils import translation
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from hubcustomers.backoffice.display import local
from hubcustomers.models import AuditEntry

COMMAND_LINE = "(command line)"
# How the objects are named whose name is a word and an id.
_NAMES = frozenset(
    f"{word} %s"
    for word in ("callback", "card", "customer", "event", "job", "operation", "order", "request")
)
# How the actions read; one that is not here reads as it is stored.
WORDS = {
    "created": _("created"),
    "changed": _("changed"),
    "deleted": _("deleted"),
    "anonymised": _("anonymised"),
    "revealed": _("looked at e-mail and phone"),
    "posted": _("posted an operation"),
    "voided": _("voided an operation"),
    "granted": _("granted points to many cards"),
    "grant voided": _("voided a grant of points"),
    "issued": _("issued a token"),
    "revoked": _("revoked all tokens"),
    "revoked_one": _("revoked a token"),
    "revoked_old": _("revoked the old tokens"),
    "replaced": _("issued a token and revoked the old ones"),
    "rotated": _("changed the secret"),
    "blocked": _("blocked"),
    "unblocked": _("unblocked"),
    "replayed": _("sent again"),
    "discarded": _("discarded"),
    "imported": _("imported a file"),
    "exported": _("exported"),
    "applied": _("began to anonymise"),
    "dumped": _("wrote to an archive"),
    "loaded": _("loaded from an archive"),
    "cancelled": _("cancelled"),
    "enrolled": _("set up a second factor"),
    "renewed": _("made new recovery codes"),
    "recovered": _("used a recovery code"),
    "reset": _("took the second factor away"),
    "signed in": _("signed in"),
    "signed out": _("signed out everywhere else"),
    "merged": _("merged with another customer"),
    "unmerged": _("undid a merge"),
    "parted": _("said to be no duplicate"),
    "searched": _("searched for duplicates"),
}


def record(user: Any, obj: Any, action: str, *, fields: Sequence[str] = ()) -> AuditEntry:
    """Add an entry, in the transaction of what it tells of.

    Args:
        user: Who did it; None for a command.
        obj: The object; its ``str`` must not be personal data.
        action: One word in the past tense, like ``anonymised``.
        fields: The names of what was changed.
    """
    entry = _entry(user, obj, action, fields)
    entry.save(force_insert=True)
    return entry


def record_many(user: Any, objects: Sequence[Any], action: str) -> None:
    """Add one entry for each object, in one statement."""
    AuditEntry.objects.bulk_create([_entry(user, obj, action, ()) for obj in objects])


def _entry(user: Any, obj: Any, action: str, fields: Sequence[str]) -> AuditEntry:
    # The trail keeps one language, whoever does it; name_for() says it in the reader's.
    with translation.override(None):
        name = str(obj)[:255]
    return AuditEntry(
        account_id=_account_of(obj),
        user=user,
        user_name=COMMAND_LINE if user is None else user.get_username()[:255],
        action=action,
        resource_type=obj._meta.label_lower,
        resource_id=obj.pk,
        resource_name=name,
        changed_fields=sorted(fields),
    )


def entries_about(obj: Any) -> QuerySet[AuditEntry]:
    """Return what was done to the object, latest first."""
    return AuditEntry.objects.filter(
        resource_type=obj._meta.label_lower, resource_id=obj.pk
    ).order_by("-pk")


def word_for(action: str) -> str:
    """Return how an action reads."""
    return str(WORDS.get(action, action))


def name_for(name: str) -> str:
    """Return how the kept name of an object reads, like ``customer abc12``."""
    word, space, rest = name.partition(" ")
    return gettext(f"{word} %s") % rest if space and f"{word} %s" in _NAMES else name


def _account_of(obj: Any) -> int | None:
    if obj._meta.label_lower == "accounts.account":
        return int(obj.pk)
    account_id: int | None = getattr(obj, "account_id", None)
    return account_id


def _field_names(entry: AuditEntry) -> list[str]:
    named = {
        field.name: str(field.verbose_name)
        for field in apps.get_model(entry.resource_type)._meta.concrete_fields
    }
    return [named.get(name, name) for name in entry.changed_fields]


def table_of(entries: QuerySet[AuditEntry], place: Any) -> dict[str, Any]:
    """Return the entries as a table of an object's page, on the clocks of a place."""
    rows = [
        [
            local(entry.created_at, place),
            entry.user_name,
            word_for(entry.action),
            ", ".join(_field_names(entry)) or "-",
        ]
        for entry in entries
    ]
    headers = [_("time"), _("who"), _("what"), _("fields")]
    return {"title": _("History"), "headers": headers, "rows": rows}
