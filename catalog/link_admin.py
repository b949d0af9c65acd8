"""Link rules in admin: what is written there is checked as links are."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin

from catalog.link_form import NotALink, normal_form, normal_host
from catalog.link_rules import lines, takes
from catalog.models import LinkRule


class LinkRuleForm(forms.ModelForm[LinkRule]):
    """A rule whose hosts are hosts, whose patterns are of paths, and whose example it takes itself."""

    class Meta:
        model = LinkRule
        fields = ("category", "service", "hosts", "patterns", "example", "drops_query")

    def clean_hosts(self) -> str:
        """Keep hosts in the form in which links have theirs."""
        found = []
        for line in lines(self.cleaned_data["hosts"]):
            try:
                found.append(normal_host(line))
            except NotALink as error:
                refusal = _("“%(line)s” is no host. Write it as in instagram.com, and no more.")
                raise forms.ValidationError(refusal, params={"line": line}) from error
        return "\n".join(found)

    def clean_patterns(self) -> str:
        """Refuse what can be no path, or is more than one."""
        found = lines(self.cleaned_data["patterns"])
        for line in found:
            if not line.startswith("/") or {"?", "#", " "} & set(line):
                refusal = _("“%(line)s” is no path. Write it as in /p/*, without the host.")
                raise forms.ValidationError(refusal, params={"line": line})
        return "\n".join(found)

    def clean(self) -> dict[str, Any]:
        """Refuse a second rule for the site, and an example that the rule itself would refuse."""
        data = super().clean() or {}
        is_of_site = not data.get("category") and not data.get("service") and not self.errors
        if is_of_site and LinkRule.objects.filter(is_of_site=True).exclude(pk=self.instance.pk).exists():
            self.add_error(None, _("The whole site has a rule. Change that one."))
        if data.get("example") and {"hosts", "patterns"} <= data.keys():
            self._check_example(data["example"], LinkRule(hosts=data["hosts"], patterns=data["patterns"]))
        return data

    def _check_example(self, example: str, rule: LinkRule) -> None:
        try:
            is_taken = takes(rule, normal_form(example))
        except NotALink:
            self.add_error("example", _("This is no link. Write it whole: https://instagram.com/p/example/"))
        else:
            if not is_taken:
                self.add_error("example", _("The rule refuses its own example."))


class LinkRuleAdmin(ModelAdmin):  # type: ignore[misc]
    """Which links orders are taken for."""

    form = LinkRuleForm
    list_display = ("__str__", "hosts", "example", "drops_query")
    list_select_related = ("category", "service")
    search_fields = ("hosts", "example", "category__name", "service__name")
    autocomplete_fields = ("category", "service")
    show_full_result_count = False
