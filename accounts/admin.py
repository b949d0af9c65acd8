"""Users in admin."""

from typing import Any

from allauth.account.models import EmailAddress
from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin as DjangoGroupAdmin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import Group
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm

from accounts.models import User

admin.site.unregister(Group)
admin.site.unregister(EmailAddress)

RIGHTS = ("is_active", "is_staff", "is_superuser", "groups")
"""Single rights are given to groups, so that what a member of staff may do has a name."""


@admin.register(User)
class UserAdmin(DjangoUserAdmin, ModelAdmin):  # type: ignore[misc,type-arg]
    """Customers and staff: found by address or name, blocked instead of deleted."""

    form = UserChangeForm
    add_form = UserCreationForm
    change_password_form = AdminPasswordChangeForm
    list_display = ("email", "name", "is_active", "is_staff", "date_joined", "last_login")
    list_filter = ("is_active", "is_staff", "is_superuser", "date_joined")
    search_fields = ("email", "name")
    ordering = ("-date_joined",)
    show_full_result_count = False
    readonly_fields = ("date_joined", "last_login")
    autocomplete_fields = ("groups",)
    filter_horizontal = ()
    change_form_outer_before_template = "admin/accounts/user/links.html"
    fieldsets = (
        (None, {"fields": ("email", "name", "password")}),
        (_("Rights"), {"fields": RIGHTS}),
        (_("Dates"), {"fields": ("date_joined", "last_login")}),
    )
    add_fieldsets = ((None, {"fields": ("email", "name", "password1", "password2")}),)

    def get_readonly_fields(self, request: HttpRequest, obj: User | None = None) -> tuple[str, ...]:
        """Let nobody give rights that are not theirs to give: only a superuser changes rights."""
        if request.user.is_superuser:
            return self.readonly_fields
        return (*self.readonly_fields, *(right for right in RIGHTS if right != "is_active"))

    def has_change_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        """Let only superusers change members of staff: a new address or password takes an account over."""
        if obj is not None and obj.is_staff and not request.user.is_superuser:
            return False
        return bool(super().has_change_permission(request, obj))

    def has_delete_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        """Refuse: a user's money and orders keep their owner."""
        return False


@admin.register(Group)
class GroupAdmin(DjangoGroupAdmin, ModelAdmin):  # type: ignore[misc]
    """Groups of staff rights."""

    filter_horizontal = ()  # its two lists side by side are wider than the page

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
