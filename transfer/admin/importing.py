"""The button that imports into a customer list, and what the pages of an import offer.

A file is uploaded, its columns are named, every row is tried, and then a worker imports it.
"""

from typing import Any

from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponseRedirect
from django.utils.text import get_valid_filename
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.services import get_client
from customers.admin.lists import CustomerListAdmin
from customers.models import CustomerList
from hubcustomers.backoffice import pages
from hubcustomers.backoffice.asked_again import asks_again
from hubcustomers.backoffice.display import button, change_url, short
from hubcustomers.backoffice.extending import add_page
from transfer import uploaded
from transfer.admin.exporting import send
from transfer.admin.forms import ColumnsForm, UploadForm
from transfer.admin.jobs import Button, Details, JobAdmin, counts_of, register_details
from transfer.admin.reasons import reason_in_words
from transfer.imports import Options, save_mapping, saved_mapping
from transfer.mapping import UnusableMapping, map_columns
from transfer.models import Job, RefusedRow, StagedRow, State
from transfer.reading import UnreadableFile
from transfer.refused import refused_text

# What the pages show of long files.
_SAMPLE_ROWS = 20
_REFUSED_SHOWN = 20


@button(gettext_lazy("Import"), icon="upload", permission="import")
def import_file(model_admin: Any, request: HttpRequest, object_id: str) -> Any:
    """Take a file, and go on with what its columns are."""
    obj: CustomerList = pages.find(model_admin, request, object_id)
    form = UploadForm(request.POST or None, request.FILES or None)
    if request.method == "POST" and form.is_valid():
        file = form.cleaned_data["file"]
        try:
            job = uploaded.stage(obj, file, title=file.name, user=request.user)
        except UnreadableFile as error:
            form.add_error("file", str(error))
        else:
            return HttpResponseRedirect(_page_of(job, "columns"))
    return pages.page(
        model_admin,
        request,
        obj,
        "admin/hub/form.html",
        title=_("Import customers"),
        form=form,
        button=_("Upload"),
        text=_(
            "Nothing is imported yet: next you see the columns, then every row is tried, and"
            " only then you decide."
        ),
    )


# --- one import -------------------------------------------------------------------------


@button(gettext_lazy("Columns"), icon="view_column", permission="import")
def columns(model_admin: Any, request: HttpRequest, object_id: str) -> Any:
    """Ask what the columns are, and try every row."""
    job = _import(model_admin, request, object_id)
    closed = job.state not in uploaded.OPEN_TO_CHANGES
    form = _columns_form(job, request)
    if request.method == "POST" and form.is_valid():
        faults = pages.attempt(lambda: _try(job, form))
        if not faults:
            return HttpResponseRedirect(change_url(job))
        for name, sentence in faults:
            form.add_error(None, f"{name} {sentence}".strip())
    return pages.page(
        model_admin,
        request,
        job,
        "admin/hub/columns.html",
        title=_("What the columns are"),
        form=form,
        name=short(job.title),
        fault=uploaded.CLOSED if closed else "",
    )


def _columns_form(job: Job, request: HttpRequest) -> ColumnsForm:
    layout = uploaded.layout_of(job)
    rows = StagedRow.objects.for_account(job.account_id).filter(job=job).order_by("line")
    asked = job.options
    try:
        mapped = asked.get("fields") or map_columns(
            layout.columns, said={}, saved=saved_mapping(job.customer_list)
        )
    except UnusableMapping:
        # No name is known; people say which is which.
        mapped = {}
    known = ("match", "on_duplicate", "reason", "events")
    return ColumnsForm(
        request.POST or None,
        layout=layout,
        samples=list(rows.values_list("cells", flat=True)[:_SAMPLE_ROWS]),
        mapped=mapped,
        account_id=job.account_id,
        initial={
            "reason": _("Opening balance"),
            "client": "import",
            **{name: asked[name] for name in known if asked.get(name) is not None},
        },
    )


def _try(job: Job, form: ColumnsForm) -> None:
    client = get_client(form.cleaned_data["client"])
    save_mapping(job.customer_list, form.mapping)
    uploaded.try_rows(job, form.options(client.pk))


@button(gettext_lazy("Import now"), icon="play_arrow", permission="import")
def begin(model_admin: Any, request: HttpRequest, object_id: str) -> Any:
    """Import what was tried, after a last look at what would happen."""
    job = _import(model_admin, request, object_id)
    asked = pages.Confirmation(
        title=_("Import now"),
        text=_("A worker imports the rows, batch by batch. What is imported stays."),
        button=_("Import now"),
        counts=counts_of(job),
        write=lambda: _begin(model_admin, request, job),
        done=_("The import has begun."),
        danger=False,
    )
    return pages.confirm(model_admin, request, job, asked)


def _begin(model_admin: Any, request: HttpRequest, job: Job) -> None:
    with transaction.atomic():
        uploaded.begin(job)
        model_admin.audit(request, job.customer_list, "imported")


@button(gettext_lazy("Refused rows"), icon="download", permission="import")
@asks_again
def refused(model_admin: Any, request: HttpRequest, object_id: str) -> Any:
    """Send the refused rows, each with the reason, to be corrected and imported again."""
    job = _import(model_admin, request, object_id)
    if request.method == "POST":
        model_admin.audit(request, job, "exported")
        layout = uploaded.layout_of(job)
        stem = get_valid_filename(job.title.rpartition(".")[0] or job.title or "rows")
        name = f"{stem}.refused.{layout.format}"
        return send(refused_text(job), name=name, form=layout.format)
    return pages.page(
        model_admin,
        request,
        job,
        "admin/hub/form.html",
        title=_("Refused rows"),
        button=_("Download"),
        text=_(
            "Each row has its reason in the last column. Correct the rows and import the file."
            " It holds personal data: keep it no longer than you need it."
        ),
    )


def _import(model_admin: Any, request: HttpRequest, object_id: str) -> Job:
    job: Job = pages.find(model_admin, request, object_id)
    if job.kind != uploaded.KIND or "layout" not in job.options:
        raise Http404
    return job


# --- what the page of a job shows -------------------------------------------------------


def details(model_admin: Any, request: HttpRequest, job: Job) -> Details:
    """Return what can be done with an import now, and its refused rows."""
    may = model_admin.may(request, "import", job)
    told = Details(text=f"{_sentence(job)} {_left_out(job)}".strip())
    if may and job.state in uploaded.OPEN_TO_CHANGES:
        first = job.state == State.DRAFT
        told.buttons.append(
            Button(
                _("Choose columns") if first else _("Change"), _page_of(job, "columns"), main=first
            )
        )
    if job.state == State.CHECKED and may:
        told.buttons.append(Button(_("Import now"), _page_of(job, "begin"), main=True))
    if may and job.state in (State.CHECKED, State.DONE, State.FAILED):
        rows = RefusedRow.objects.for_account(job.account_id).filter(job=job).order_by("line")
        found = [
            [line, reason_in_words(reason)]
            for line, reason in rows.values_list("line", "reason")[:_REFUSED_SHOWN]
        ]
        if found:
            link = Button(_("Refused rows as a file"), _page_of(job, "refused"))
            told.buttons.insert(0, link)
            headers = [_("line"), _("reason")]
            told.tables.append({"title": _("Refused rows"), "headers": headers, "rows": found})
    return told


def _sentence(job: Job) -> str:
    if job.state == State.DRAFT:
        return _("Say what its columns are. Nothing is imported yet.")
    if job.options.get("dry_run"):
        return {
            State.CHECKED: _("Every row was tried, none was written: this is what would happen."),
            State.QUEUED: _("Every row will be tried, and none written."),
            State.RUNNING: _("Every row is tried, and none written."),
        }.get(State(job.state), "")
    return ""


def _left_out(job: Job) -> str:
    # Until somebody has said what the columns are, none is left out.
    columns = Options.of(job).left_out if "fields" in job.options else []
    names = ", ".join(short(column) for column in columns)
    return _("Columns left out: %s.") % names if names else ""


def _page_of(job: Job, page: str) -> str:
    return f"{change_url(job).removesuffix('change/')}{page}/"


add_page(CustomerListAdmin, import_file, right="import")
for _view in (columns, begin, refused):
    add_page(JobAdmin, _view, right="import")
register_details(uploaded.KIND, details)
