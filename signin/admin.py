"""What the pages of staff users get from signing in: the way back for who lost a telephone."""

from typing import Any

from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext_lazy as _

from accounts.admin import StaffUserAdmin
from hubcustomers.backoffice import pages
from hubcustomers.backoffice.asked_again import asks_again
from hubcustomers.backoffice.display import button
from hubcustomers.backoffice.extending import add_page
from signin import factors


@button(_("Reset the second factor"), icon="lock_reset", permission="reset", danger=True)
@asks_again
def reset_second_factor(
    model_admin: StaffUserAdmin, request: HttpRequest, object_id: str
) -> HttpResponse:
    """Take the second factor of a staff user away, who then sets up a new one."""
    user = pages.find(model_admin, request, object_id)
    text = _(
        "Do this for who lost the telephone and has no recovery codes left, once you are sure who"
        " asks. The authenticator app and the recovery codes work no more, every session ends, and"
        " the next sign-in, with the password alone, sets up a new second factor."
    )

    def reset() -> None:
        if not factors.reset(user, by=request.user):
            raise ValidationError(_("There is no second factor."))

    asked = pages.Confirmation(
        title=str(_("Reset the second factor")),
        text=str(text),
        button=str(_("Take it away")),
        typed=user.get_username(),
        write=reset,
        done=str(_("The second factor is taken away.")),
    )
    return pages.confirm(model_admin, request, user, asked)


def _extend() -> None:
    page: Any = reset_second_factor
    add_page(StaffUserAdmin, page, right="reset")


_extend()
