"""The forms of imports and exports."""

from typing import Any

from django import forms
from django.conf import settings
from django.db.models import Q
from django.utils.html import escape
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.widgets import (
    UnfoldAdminFileFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminSingleDateWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanWidget,
)

from accounts.models import Client
from hubcustomers.api.fields import UNSTORABLE
from hubcustomers.backoffice.display import short
from transfer.imports import MATCHES, Options, choose_match
from transfer.mapping import CUSTOM, FIELDS, UnusableMapping, map_columns
from transfer.reading import Layout

# Whose private refs they are, where nobody says otherwise; the commands say so, too.
DEFAULT_CLIENT = "import"
# How the fields of an import read; customers/admin names those of a customer alike.
FIELD_LABELS = {
    "private_ref": _("private ref"),
    "email": _("e-mail"),
    "first_name": _("first name"),
    "last_name": _("last name"),
    "gender": _("gender"),
    "birth_date": _("birth date"),
    "company_name": _("company name"),
    "phone": _("phone"),
    "address_1": _("address, line 1"),
    "address_2": _("address, line 2"),
    "postal_code": _("postal code"),
    "city": _("city"),
    "state": _("state or region"),
    "country": _("country (two letters)"),
    "latitude": _("latitude"),
    "longitude": _("longitude"),
    "delivery_notes": _("delivery notes"),
    "phone_access_code": _("door code"),
    "sms_marketing": _("agrees to marketing by SMS"),
    "email_marketing": _("agrees to marketing by e-mail"),
    "custom_fields": _("custom fields (JSON)"),
    "anonymised": _("anonymised"),
    "created_at": _("created at"),
    "card_name": _("card: name of the scheme"),
    "card_ref": _("card: number"),
    "card_balance": _("card: points"),
    "loyalty_cards": _("further cards (JSON)"),
}
# Shown of each column, so that people see what is in it.
_SAMPLES = 3


class UploadForm(forms.Form):
    """A file of customers."""

    file = forms.FileField(
        label=_("File"),
        widget=UnfoldAdminFileFieldWidget(attrs={"accept": ".csv,.tsv,.txt,.jsonl,.ndjson,.json"}),
        help_text=_("CSV or JSON Lines in UTF-8; the first line of CSV names the columns."),
    )

    def clean_file(self) -> Any:
        """Refuse what is larger than an upload may be."""
        file = self.cleaned_data["file"]
        if file.size > settings.IMPORT_MAX_BYTES:
            megabytes = settings.IMPORT_MAX_BYTES // 1024**2
            raise forms.ValidationError(
                _(
                    "The file is larger than %(megabytes)s MB. Split it, or use the command"
                    " import_customers, which takes files of any size."
                ),
                params={"megabytes": megabytes},
            )
        return file


def client_choices(account_id: int) -> list[tuple[str, str]]:
    """Return whose private refs can be meant: clients of the account, and the import's own."""
    known = Client.objects.filter(
        Q(connection__account=account_id, connection__account_id=account_id)
        | Q(name=DEFAULT_CLIENT)
    )
    names = set(known.values_list("name", flat=True)) | {DEFAULT_CLIENT}
    return [(name, name) for name in sorted(names)]


class ColumnsForm(forms.Form):
    """What each column of a file is, and what becomes of rows whose customer exists.

    After validation ``mapping`` holds the field of each column, ``found_by`` what tells that
    a customer exists.
    """

    on_duplicate = forms.ChoiceField(
        label=_("If the customer exists"),
        choices=[
            ("error", _("refuse the row")),
            ("skip", _("skip the row")),
            ("update", _("update the customer")),
        ],
        widget=UnfoldAdminSelectWidget(),
        help_text=_("An import never moves the balance of a card that exists."),
    )
    match = forms.ChoiceField(
        label=_("Customers are found by"),
        required=False,
        choices=[
            ("", _("private ref where the file has it")),
            *((name, FIELD_LABELS[name]) for name in MATCHES),
        ],
        widget=UnfoldAdminSelectWidget(),
    )
    client = forms.ChoiceField(
        label=_("Private refs belong to"),
        widget=UnfoldAdminSelectWidget(),
        help_text=_("No other client sees them."),
    )
    reason = forms.CharField(
        label=_("Reason of opening balances"),
        max_length=1000,
        widget=UnfoldAdminTextInputWidget(),
        help_text=_("The customer reads this in the card's history."),
    )
    events = forms.BooleanField(
        label=_("Tell listening clients of each customer (much slower)"),
        required=False,
        widget=UnfoldBooleanWidget(),
    )

    def __init__(
        self,
        *args: Any,
        layout: Layout,
        samples: list[Any],
        mapped: dict[str, str],
        account_id: int,
        **kwargs: Any,
    ) -> None:
        """Take Form's arguments and what is known of the file."""
        super().__init__(*args, **kwargs)
        self.layout = layout
        self.mapping: dict[str, str] = {}
        self.found_by: str | None = None
        client: Any = self.fields["client"]
        client.choices = client_choices(account_id)
        self.columns = [f"column_{place}" for place in range(len(layout.columns))]
        for place, name in enumerate(self.columns):
            column = layout.columns[place]
            self.fields[name] = forms.ChoiceField(
                label=short(column),
                required=False,
                choices=_choices(column, mapped.get(column, "")),
                initial=mapped.get(column, ""),
                widget=UnfoldAdminSelectWidget(),
                help_text=_sample(samples, place, column),
            )

    @property
    def column_fields(self) -> list[Any]:
        """Return the fields that say what each column is."""
        return [self[name] for name in self.columns]

    @property
    def rule_fields(self) -> list[Any]:
        """Return the other fields."""
        return [self[name] for name in self.fields if name not in self.columns]

    def clean(self) -> dict[str, Any]:
        """Judge the mapping as a whole, as the command does."""
        data: dict[str, Any] = super().clean() or self.cleaned_data
        said = {
            self.layout.columns[place]: data.get(name, "")
            for place, name in enumerate(self.columns)
        }
        try:
            self.mapping = map_columns(self.layout.columns, said=said)
            self.found_by = choose_match(
                self.mapping.values(), data.get("match") or None, data.get("on_duplicate")
            )
        except (UnusableMapping, ValueError) as error:
            self.add_error(None, str(error))
        return data

    def options(self, client_id: int) -> Options:
        """Return what was asked for, as a trial that writes nothing."""
        data = self.cleaned_data
        return Options(
            client_id=client_id,
            layout=self.layout,
            fields=self.mapping,
            match=self.found_by,
            on_duplicate=data["on_duplicate"],
            events=data["events"],
            reason=data["reason"],
            dry_run=True,
        )


def _choices(column: str, chosen: str) -> list[tuple[str, Any]]:
    own = f"{CUSTOM}{column}"
    customs = [own] if chosen in ("", own) or not chosen.startswith(CUSTOM) else [own, chosen]
    return [
        ("", _("(leave out)")),
        *((name, FIELD_LABELS.get(name, name)) for name in FIELDS),
        *((name, _custom_label(name)) for name in customs),
    ]


def _custom_label(name: str) -> str:
    return gettext("custom field “%s”") % short(name.removeprefix(CUSTOM))


def _sample(samples: list[Any], place: int, column: str) -> str:
    """Return a few values of the column."""
    found: list[str] = []
    for cells in samples:
        value = None
        if isinstance(cells, dict):
            value = cells.get(column)
        elif isinstance(cells, list) and place < len(cells):
            value = cells[place]
        text = UNSTORABLE.sub("", str(value))[:30] if value not in (None, "") else ""
        if text and text not in found:
            found.append(text)
        if len(found) == _SAMPLES:
            break
    # Help texts may be HTML, these are anybody's.
    return escape(" · ".join(found))


class ExportForm(forms.Form):
    """What is exported, and as what kind of file."""

    kind = forms.ChoiceField(
        label=_("What"),
        choices=[("customers", _("Customers with their cards")), ("operations", _("Operations"))],
        widget=UnfoldAdminSelectWidget(),
    )
    form = forms.ChoiceField(
        label=_("Kind of file"),
        choices=[("csv", _("CSV, for spreadsheets")), ("jsonl", _("JSON Lines"))],
        widget=UnfoldAdminSelectWidget(),
    )
    client = forms.ChoiceField(
        label=_("Private refs of"), widget=UnfoldAdminSelectWidget(), initial=DEFAULT_CLIENT
    )
    after = forms.DateField(
        label=_("Created on this day or later"),
        required=False,
        widget=UnfoldAdminSingleDateWidget(attrs={"type": "date"}),
    )
    before = forms.DateField(
        label=_("Created before this day"),
        required=False,
        widget=UnfoldAdminSingleDateWidget(attrs={"type": "date"}),
    )
    email = forms.CharField(
        label=_("E-mail"),
        required=False,
        max_length=128,
        widget=UnfoldAdminTextInputWidget(),
        help_text=_("* stands for anything."),
    )
    phone = forms.CharField(
        label=_("Phone"),
        required=False,
        max_length=128,
        widget=UnfoldAdminTextInputWidget(),
        help_text=_("* stands for anything."),
    )

    def __init__(self, *args: Any, account_id: int, **kwargs: Any) -> None:
        """Take Form's arguments and whose list it is."""
        super().__init__(*args, **kwargs)
        client: Any = self.fields["client"]
        client.choices = client_choices(account_id)
