"""Amounts in admin's forms look like its other fields."""

from unfold.overrides import FORMFIELD_OVERRIDES
from unfold.widgets import UnfoldAdminDecimalFieldWidget

from money.fields import MoneyField

# Unfold goes by the field's class, and knows Django's own. Each of its admins copies this table as it is
# registered: the rooms' are, after this one's (INSTALLED_APPS).
FORMFIELD_OVERRIDES[MoneyField] = {"widget": UnfoldAdminDecimalFieldWidget}
