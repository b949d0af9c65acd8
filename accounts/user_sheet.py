"""Customers and staff as a sheet: nothing by which one logs in."""

from accounts.models import User
from accounts.sheet_columns import Moment, Sheet, YesNo, column


class UserSheet(Sheet):
    """Users."""

    id = column("id")
    email = column("email")
    name = column("name")
    group = column("group", "customer_group__name")
    is_active = column("is_active", widget=YesNo())
    is_staff = column("is_staff", widget=YesNo())
    date_joined = column("date_joined", widget=Moment())
    last_login = column("last_login", widget=Moment())

    class Meta:
        model = User
