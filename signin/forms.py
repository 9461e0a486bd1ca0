"""The forms of signing in; what is typed into them is kept nowhere."""

from typing import Any, cast

from django import forms
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from unfold.forms import AdminOwnPasswordChangeForm, AuthenticationForm
from unfold.widgets import UnfoldAdminPasswordWidget, UnfoldAdminTextInputWidget

from signin import factors, throttle


class SignInForm(AuthenticationForm):
    """User name and password; each try is counted, whether there is such a name or not."""

    def clean(self) -> dict[str, Any]:
        """Refuse a try too many in words that tell no more than a wrong password does."""
        if "password" not in self.cleaned_data:
            # Nothing to judge: neither a try nor a good one, which would forgive those before.
            return cast(dict[str, Any], self.cleaned_data)
        request, name = cast(HttpRequest, self.request), self.cleaned_data.get("username", "")
        counted = throttle.password_of(request, name)
        throttle.count(counted)
        data = super().clean()
        if self.get_user() is not None:
            throttle.forgive(counted)
        return cast(dict[str, Any], data)


class CodeForm(forms.Form):
    """Asks for a code of the authenticator app, or for a recovery code."""

    code = forms.CharField(
        label=_("Code"),
        max_length=40,
        help_text=_("The six digits that your authenticator app shows, or a recovery code."),
        widget=UnfoldAdminTextInputWidget(
            attrs={
                "autocomplete": "one-time-code",
                "autocapitalize": "none",
                "spellcheck": "false",
                "autofocus": True,
            }
        ),
    )

    def __init__(self, user: User, *args: Any, **kwargs: Any) -> None:
        """Take the user, then the arguments of every form."""
        super().__init__(*args, **kwargs)
        self.user = user

    def clean_code(self) -> None:
        """Use the code up; refuse one that is wrong or was used before."""
        given = self.cleaned_data["code"]
        counted = throttle.proof_of(self.user.pk)
        if not throttle.judged(counted, lambda: factors.accept(self.user, given)):
            raise ValidationError(_("This code is wrong, or was used already."))


class PasswordForm(forms.Form):
    """Asks a signed-in user for the password once more."""

    password = forms.CharField(
        label=_("Your password"),
        strip=False,
        widget=UnfoldAdminPasswordWidget(
            attrs={"autocomplete": "current-password", "autofocus": True}
        ),
    )

    def __init__(self, user: User, *args: Any, **kwargs: Any) -> None:
        """Take the user, then the arguments of every form."""
        super().__init__(*args, **kwargs)
        self.user = user

    def clean_password(self) -> None:
        """Refuse another password than the user's."""
        given = self.cleaned_data["password"]
        counted = throttle.proof_of(self.user.pk)
        if not throttle.judged(counted, lambda: self.user.check_password(given)):
            raise ValidationError(_("This is not your password."))


def form_of_proof(user: User, data: Any) -> CodeForm | PasswordForm:
    """Return the form in which the user proves who it is: by a code where there are codes."""
    return (CodeForm if factors.is_enrolled(user) else PasswordForm)(user, data)


class EnrolForm(forms.Form):
    """Asks for the first code of a new authenticator app."""

    code = forms.CharField(
        label=_("The six digits that the app shows"),
        max_length=10,
        widget=UnfoldAdminTextInputWidget(
            attrs={"autocomplete": "one-time-code", "inputmode": "numeric"}
        ),
    )


class NewPasswordForm(AdminOwnPasswordChangeForm):
    """Asks for the old password and, twice, for the new one."""

    def clean_old_password(self) -> str:
        """Refuse another password than the user's; tries are counted."""
        given = self.cleaned_data["old_password"]
        counted = throttle.proof_of(self.user.pk)
        if not throttle.judged(counted, lambda: self.user.check_password(given)):
            raise ValidationError(_("This is not your password."))
        return str(given)
