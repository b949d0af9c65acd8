"""Alert channels in admin: their addresses go in and never come out."""

from collections.abc import Iterable
from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget, UnfoldAdminPasswordWidget

from operations.addresses import AddressError, check_address
from operations.channels import save_channel
from operations.models import Alert, AlertChannel, AlertDelivery
from operations.waking import wake


class AlertChannelForm(forms.ModelForm[AlertChannel]):
    """A channel: its name, where it leads, which kinds of alerts go there."""

    new_address = forms.CharField(
        label=_("Apprise address"),
        required=False,
        max_length=2000,
        widget=UnfoldAdminPasswordWidget(attrs={"autocomplete": "new-password"}, render_value=False),
        help_text=_("For example tgram://TOKEN/CHAT, slack://…, mmosts://…: see Apprise's documentation."),
    )
    kinds = forms.MultipleChoiceField(
        label=_("Kinds"),
        required=False,
        choices=Alert.Kind.choices,
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
        help_text=_("Which kinds of alerts; none chosen: all."),
    )

    class Meta:
        model = AlertChannel
        fields = ("name", "is_on", "kinds")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        known = self.instance.pk is not None
        self.fields["new_address"].required = not known
        if known:
            self.fields["new_address"].help_text = _("Leave empty to keep the address that is set.")

    def clean_new_address(self) -> str:
        """Refuse an address that nothing can be sent to."""
        address: str = self.cleaned_data["new_address"].strip()
        if address:
            try:
                check_address(address)
            except AddressError as error:
                raise forms.ValidationError(str(error)) from error
        return address


class AlertChannelAdmin(ModelAdmin):  # type: ignore[misc]
    """Where alerts go besides e-mail."""

    form = AlertChannelForm
    list_display = ("name", "is_on", "shown_kinds", "sent_at", "failed_at")
    list_filter = ("is_on",)
    search_fields = ("name",)
    show_full_result_count = False
    readonly_fields = ("sent_at", "failed_at")
    fields = ("name", "is_on", "new_address", "kinds", "sent_at", "failed_at")
    actions = ("send_test",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[AlertChannel]:
        """Leave the addresses where they are: no page shows one, and one that is lost must not break it."""
        return super().get_queryset(request).defer("address")  # type: ignore[no-any-return]

    def save_model(
        self, request: HttpRequest, obj: AlertChannel, form: AlertChannelForm, change: bool
    ) -> None:
        """Save by the rule; an address left blank stays."""
        save_channel(obj, address=form.cleaned_data["new_address"] or None)

    def get_deleted_objects(
        self, objs: Iterable[AlertChannel], request: HttpRequest
    ) -> tuple[list[str], dict[str, int], set[str], list[str]]:
        """Name the channels alone: when what went there, which is many rows, goes with them."""
        names = [str(channel) for channel in objs]
        return names, {str(self.opts.verbose_name_plural): len(names)}, set(), []

    @admin.display(description=_("kinds"))
    def shown_kinds(self, channel: AlertChannel) -> str:
        """Name the kinds of alerts that go there."""
        labels = [str(kind.label) for kind in Alert.Kind if kind in channel.kinds]
        return ", ".join(labels) or gettext("all")

    @admin.action(description=_("Send a test"), permissions=["change"])
    def send_test(self, request: HttpRequest, queryset: QuerySet[AlertChannel]) -> None:
        """Have a worker send a message: nobody's request waits for another site."""
        for channel in queryset:
            wake("operations.tasks.test_channel", channel.pk)
            said = gettext("A test is on its way to %s. Whether it arrived shows under “sent” and “failed”.")
            self.message_user(request, said % channel)


class AlertDeliveryAdmin(ModelAdmin):  # type: ignore[misc]
    """When which alert went to which channel."""

    list_display = ("alert", "channel", "sent_at")
    show_full_result_count = False

    def get_queryset(self, request: HttpRequest) -> QuerySet[AlertDelivery]:
        """Leave the addresses where they are."""
        rows = super().get_queryset(request).select_related("alert", "channel")
        return rows.defer("channel__address")  # type: ignore[no-any-return]

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Refuse: the site writes down what it sent."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Refuse."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Refuse: it would be sent once more."""
        return False
