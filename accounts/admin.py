"""Users in admin."""

from typing import Any

from allauth.account.models import EmailAddress
from allauth.mfa.base.internal.flows import delete_dangling_recovery_codes
from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from django import forms
from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin as DjangoGroupAdmin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import Group
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy
from unfold.admin import ModelAdmin
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm

from accounts import roles
from accounts.admin_lists import LongList, NewestPaginator, ReadOnly
from accounts.customer_pages import CustomerPages
from accounts.models import CustomerGroup, User
from accounts.sheet_pages import ExportPages
from accounts.user_sheet import UserSheet

admin.site.unregister(Group)
admin.site.unregister(EmailAddress)
admin.site.unregister(Authenticator)
admin.site.unregister(UserSession)  # holds keys of sessions; they are ended from the user's page

RIGHTS = ("is_staff", "is_superuser", "groups")
"""Single rights are given to groups, so that what a member of staff may do has a name."""

LOGIN = ("email", "name")


class PasswordForm(AdminPasswordChangeForm):  # type: ignore[misc]
    """Sets a password, and writes nothing else: whom somebody blocked meanwhile stays blocked."""

    def save(self, commit: bool = True) -> User:
        """Write it."""
        user: User = super().save(commit=False)
        if commit:
            user.save(update_fields=["password"])
        return user


class GroupsField(forms.ModelMultipleChoiceField):  # type: ignore[type-arg]
    """Groups, with the roles among them in the reader's language."""

    def label_from_instance(self, obj: Any) -> str:
        """Name it."""
        return roles.shown_name(obj)


@admin.register(User)
class UserAdmin(LongList, ExportPages, CustomerPages, DjangoUserAdmin, ModelAdmin):  # type: ignore[misc,type-arg]
    """Customers and staff: found by address or name, blocked instead of deleted."""

    resource_classes = (UserSheet,)
    form = UserChangeForm
    add_form = UserCreationForm
    change_password_form = PasswordForm
    list_display = (
        *("id", "email", "name", "customer_group", "is_active", "is_staff"),
        *("date_joined", "last_login"),
    )
    list_display_links = ("id", "email")
    list_filter = ("is_active", "is_staff", "is_superuser", "customer_group", "date_joined")
    list_select_related = ("customer_group",)
    search_fields = ("email", "name")
    readonly_fields = ("is_active", "date_joined", "last_login")
    filter_horizontal = ()
    fieldsets = (
        (None, {"fields": ("email", "name", "password", "customer_group", "is_active")}),
        (_("Rights"), {"fields": RIGHTS}),
        (_("Dates"), {"fields": ("date_joined", "last_login")}),
    )
    add_fieldsets = ((None, {"fields": ("email", "name", "password1", "password2")}),)

    def get_readonly_fields(self, request: HttpRequest, obj: User | None = None) -> tuple[str, ...]:
        """Let nobody give rights that are not theirs to give: only a superuser changes rights.

        Who may only sort customers into groups changes nothing of how they sign in.
        """
        if request.user.is_superuser:
            return self.readonly_fields
        if request.user.has_perm("accounts.change_user"):
            return (*self.readonly_fields, *RIGHTS)
        return (*self.readonly_fields, *RIGHTS, *LOGIN)

    def get_fieldsets(self, request: HttpRequest, obj: User | None = None) -> Any:
        """Show of the password that there is one, to those who may set another, and nothing to others."""
        if obj is None or self._may_change_login(request, obj):
            return super().get_fieldsets(request, obj)
        (title, options), *others = self.fieldsets
        fields = tuple(name for name in options["fields"] if name != "password")
        return ((title, {"fields": fields}), *others)

    def get_form(
        self, request: HttpRequest, obj: User | None = None, change: bool = False, **more: Any
    ) -> Any:
        """Use a plain form where the password is left out: unfold's own needs it."""
        if obj is not None and not self._may_change_login(request, obj):
            more["form"] = forms.ModelForm
        return super().get_form(request, obj, change=change, **more)

    def save_model(self, request: HttpRequest, obj: User, form: Any, change: bool) -> None:
        """Write only what was changed: whom somebody blocked meanwhile stays blocked."""
        if not change:
            super().save_model(request, obj, form, change)
            return
        columns = {field.name for field in User._meta.concrete_fields}
        obj.save(update_fields=columns & set(form.changed_data))

    def _may_change_login(self, request: HttpRequest, user: User) -> bool:
        return self.has_change_permission(request, user) and request.user.has_perm("accounts.change_user")

    def has_change_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        """Let only superusers change members of staff: a new address or password takes an account over."""
        if obj is not None and obj.is_staff and not request.user.is_superuser:
            return False
        return bool(super().has_change_permission(request, obj)) or request.user.has_perm(
            "accounts.change_customergroup"
        )

    def user_change_password(self, request: HttpRequest, id: str, form_url: str = "") -> Any:
        """Set a password, by the right to change how a customer signs in."""
        if not request.user.has_perm("accounts.change_user"):
            raise PermissionDenied
        return super().user_change_password(request, id, form_url)

    def formfield_for_manytomany(self, db_field: Any, request: HttpRequest, **more: Any) -> Any:
        """Name the roles in the reader's language."""
        if db_field.name == "groups":
            more["form_class"] = GroupsField
        return super().formfield_for_manytomany(db_field, request, **more)

    def has_delete_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        """Refuse: a user's money and orders keep their owner."""
        return False


@admin.register(Group)
class GroupAdmin(DjangoGroupAdmin, ModelAdmin):  # type: ignore[misc]
    """Groups of staff rights."""

    filter_horizontal = ()  # its two lists side by side are wider than the page
    list_display = ("shown_name",)
    show_full_result_count = False
    paginator = NewestPaginator

    @admin.display(description=pgettext_lazy("of a group", "name"), ordering="name")
    def shown_name(self, group: Group) -> str:
        """Name a role in the reader's language."""
        return roles.shown_name(group)

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Let only superusers give rights."""
        return bool(request.user.is_superuser)

    def has_change_permission(self, request: HttpRequest, obj: Group | None = None) -> bool:
        """Let only superusers give rights: a member of a group could widen it for themselves."""
        return bool(request.user.is_superuser)

    def has_delete_permission(self, request: HttpRequest, obj: Group | None = None) -> bool:
        """Let only superusers take rights away."""
        return bool(request.user.is_superuser)

    def formfield_for_manytomany(self, *args: Any, **kwargs: Any) -> Any:
        """Show enough of the rights at once to choose among them."""
        field: Any = super().formfield_for_manytomany(*args, **kwargs)
        field.widget.attrs["size"] = 20
        return field


@admin.register(EmailAddress)
class EmailAddressAdmin(ModelAdmin):  # type: ignore[misc]
    """Addresses and whether their owner confirmed them."""

    list_display = ("email", "user", "primary", "verified")
    list_filter = ("primary", "verified")
    search_fields = ("email",)
    list_select_related = ("user",)
    autocomplete_fields = ("user",)
    show_full_result_count = False
    paginator = NewestPaginator

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Let only superusers add addresses: one more of a member of staff takes the account over."""
        return bool(request.user.is_superuser)

    def has_change_permission(self, request: HttpRequest, obj: EmailAddress | None = None) -> bool:
        """Let only superusers change those of staff, and no address change hands."""
        if obj is not None and obj.user.is_staff and not request.user.is_superuser:
            return False
        return bool(super().has_change_permission(request, obj))

    def get_readonly_fields(self, request: HttpRequest, obj: EmailAddress | None = None) -> tuple[str, ...]:
        """Keep whose address it is."""
        return () if obj is None else ("user",)


@admin.register(CustomerGroup)
class CustomerGroupAdmin(ModelAdmin):  # type: ignore[misc]
    """Groups of customers, for prices and announcements."""

    list_display = ("name",)
    search_fields = ("name",)
    show_full_result_count = False


@admin.register(Authenticator)
class AuthenticatorAdmin(LongList, ReadOnly, ModelAdmin):  # type: ignore[misc]
    """Who has a second factor. Removed for who has lost theirs; what it is made of is never shown."""

    list_display = ("id", "user", "type", "created_at", "last_used_at")
    list_filter = ("type",)
    search_fields = ("user__email",)
    list_select_related = ("user",)
    fields = ("user", "type", "created_at", "last_used_at")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Authenticator]:
        """Leave the secrets where they are."""
        return super().get_queryset(request).defer("data")  # type: ignore[no-any-return]

    def has_delete_permission(self, request: HttpRequest, obj: Authenticator | None = None) -> bool:
        """Let only superusers remove that of staff: with it gone, a password alone sets another."""
        if obj is not None and obj.user.is_staff and not request.user.is_superuser:
            return False
        return request.user.has_perm("mfa.delete_authenticator")

    def delete_model(self, request: HttpRequest, obj: Authenticator) -> None:
        """Remove it, and recovery codes that would stand in for nothing."""
        user = obj.user
        super().delete_model(request, obj)
        delete_dangling_recovery_codes(user)

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        """Offer none: each is removed on its own page, which asks whose it is."""
        return {}
