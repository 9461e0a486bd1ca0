"""The back-office of erasure certificates: looked at and printed, never changed."""

from typing import Any

from django.contrib import admin
from django.contrib.admin.utils import unquote
from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from desk.labels import label_of
from desk.privacy.models import ErasureCertificate
from hubcustomers.backoffice import pages
from hubcustomers.backoffice.display import column, local
from hubcustomers.backoffice.filters import AccountFilter
from hubcustomers.backoffice.reach import Role
from hubcustomers.backoffice.scoping import VIEW, ScopedModelAdmin
from hubcustomers.public_ids import customer_ids

_COLOURS = {"clean": "success", "found": "danger"}


@admin.register(ErasureCertificate)
class ErasureCertificateAdmin(ScopedModelAdmin):
    """Certificates that nothing of an erased person is left."""

    role_may = {Role.PRIVACY: VIEW, Role.MANAGER: VIEW}
    superuser_may = VIEW
    list_display = ("customer", "erased", "searched", "who", "outcome", "account")
    list_display_links = ("customer",)
    list_filter = (AccountFilter,)
    list_select_related = ("account",)
    # Named for the search box to appear.
    search_fields = ("customer_id",)
    search_help_text = _("Id of the customer")

    @column(_("customer"))
    def customer(self, obj: ErasureCertificate) -> str:
        """Return the id that clients see."""
        return obj.customer_public_id

    @column(_("erased on"))
    def erased(self, obj: ErasureCertificate) -> str:
        """Return when the customer was anonymised."""
        return local(obj.erased_at, obj.account)

    @column(_("searched on"))
    def searched(self, obj: ErasureCertificate) -> str:
        """Return when the search ended."""
        return local(obj.searched_at, obj.account)

    @column(_("who"))
    def who(self, obj: ErasureCertificate) -> str:
        """Return who erased."""
        return obj.user_name

    @column(_("outcome"), label=_COLOURS)
    def outcome(self, obj: ErasureCertificate) -> tuple[str, str]:
        """Return whether anything was found."""
        if not obj.found:
            return "clean", str(_("nothing found"))
        places = sum(obj.found.values())
        return "found", ngettext("found in %d place", "found in %d places", places) % places

    def search(self, request: HttpRequest, term: str) -> Q:
        """Return the condition: the customer's id."""
        return Q(customer_id=customer_ids.decode(term.lower()) or 0)

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Show the certificate as a page to print."""
        obj = self.get_object(request, unquote(object_id))
        if obj is None:
            return super().change_view(request, object_id, form_url, extra_context)
        return pages.page(
            self,
            request,
            obj,
            "desk/certificate.html",
            title=_("Certificate of erasure"),
            certificate=obj,
            facts=self._facts(obj),
        )

    def _facts(self, obj: ErasureCertificate) -> dict[str, str]:
        fields = ", ".join(label_of(name) for name in obj.fields)
        return {
            str(_("Business")): obj.account.name,
            str(_("Customer")): obj.customer_public_id,
            str(_("Erased on")): self.erased(obj),
            str(_("Erased by")): obj.user_name,
            str(_("Searched on")): self.searched(obj),
            str(_("Looked for")): fields or str(_("nothing: no personal data was known")),
        }
