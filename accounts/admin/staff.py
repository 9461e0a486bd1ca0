"""The back-office of staff: who may sign in, and in which accounts they work."""

from typing import Any

from django.contrib import admin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import Group, User
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm

from accounts.models import Membership
from hubcustomers.backoffice.asked_again import AsksBeforeChanging, asked_again
from hubcustomers.backoffice.reach import reach_of
from hubcustomers.backoffice.scoping import EDIT, ScopedModelAdmin


@admin.register(Membership)
class MembershipAdmin(AsksBeforeChanging, ScopedModelAdmin):
    """Which staff user works in which account, for superusers."""

    account_lookup = None
    superuser_may = EDIT | {"delete"}
    search_fields = ("user__username", "account__name")
    search_help_text = _("User or account")
    list_display = ("user", "account", "role")
    list_select_related = ("user", "account")
    fields = ("user", "account", "role")


# --- staff users ------------------------------------------------------------------------

# Memberships say who may do what, so Django's groups would only promise something.
admin.site.unregister([User, Group])


@admin.register(User)
class StaffUserAdmin(AsksBeforeChanging, DjangoUserAdmin, ScopedModelAdmin):  # type: ignore[misc, type-arg]
    """The people who may sign in, for superusers; they are deactivated, not deleted."""

    account_lookup = None
    superuser_may = EDIT | {"reset"}
    form = UserChangeForm
    add_form = UserCreationForm
    change_password_form = AdminPasswordChangeForm
    choice_ordering = ("username",)
    search_fields = ("username", "email", "first_name", "last_name")
    search_help_text = _("Name or e-mail")
    list_display = (
        "username",
        "email",
        "first_name",
        "last_name",
        "is_staff",
        "is_superuser",
        "has_second_factor",
    )
    list_select_related = ("second_factor",)
    list_filter = ()
    filter_horizontal = ()
    fieldsets = (
        (None, {"fields": ("username", "password")}),
        (_("Person"), {"fields": ("first_name", "last_name", "email")}),
        (_("May sign in"), {"fields": ("is_active", "is_staff", "is_superuser")}),
    )

    def write(self, request: HttpRequest, obj: User, form: Any, change: bool) -> None:
        """Save the whole row: the password is no field of the form."""
        # Who is added here is going to work here.
        obj.is_staff = obj.is_staff or not change
        obj.save()

    def response_add(
        self, request: HttpRequest, obj: User, post_url_continue: str | None = None
    ) -> HttpResponse:
        """Go on with where the new user works, without which there is nothing to see."""
        super().response_add(request, obj, post_url_continue)
        add = reverse("admin:accounts_membership_add")
        return HttpResponseRedirect(f"{add}?user={obj.pk}")

    def user_change_password(
        self,
        request: HttpRequest,
        id: str,  # noqa: A002
        form_url: str = "",
    ) -> HttpResponse:
        """Return the page that gives another password, or the way to the one that asks."""
        asked = asked_again(request) if self.has_change_permission(request) else None
        return asked or super().user_change_password(request, id, form_url)

    @admin.display(description=_("second factor"), boolean=True)
    def has_second_factor(self, obj: User) -> bool:
        """Return whether the user has set one up."""
        return hasattr(obj, "second_factor")

    def get_queryset(self, request: HttpRequest) -> QuerySet[User]:
        """Return everybody to superusers, nobody to others."""
        return reach_of(request).narrow(User.objects.all(), None)
