"""The user: known by e-mail address, customer and staff alike."""

from typing import Any, ClassVar

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.models import PermissionsMixin
from django.db import models
from django.db.models.functions import Lower
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy


class UserManager(BaseUserManager["User"]):
    """Makes users; addresses are kept in lower case, so that no two accounts differ by case alone."""

    def create_user(self, email: str, password: str | None = None, **fields: Any) -> "User":
        """Save a user with a hashed password (an unusable one for None) and return it."""
        if not email:
            raise ValueError("a user needs an e-mail address")
        user = self.model(email=email.strip().lower(), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, email: str, password: str | None = None, **fields: Any) -> "User":
        """Save a member of staff who may do everything in admin."""
        return self.create_user(email, password, **{"is_staff": True, "is_superuser": True, **fields})

    def get_by_natural_key(self, username: str | None) -> "User":
        """Find a user by address, whatever its case."""
        return self.get(email=(username or "").strip().lower())


class CustomerGroup(models.Model):
    """Customers who are treated alike: prices and announcements can be for a group."""

    name = models.CharField(pgettext_lazy("of a group", "name"), max_length=100, unique=True)

    class Meta:
        verbose_name = _("customer group")
        verbose_name_plural = _("customer groups")
        ordering = ("name",)

    def __str__(self) -> str:
        return self.name


class User(AbstractBaseUser, PermissionsMixin):
    """A customer or a member of staff."""

    email = models.EmailField(
        _("e-mail address"), unique=True, error_messages={"unique": _("This address is already registered.")}
    )
    name = models.CharField(pgettext_lazy("of a person", "name"), max_length=150, blank=True)
    is_staff = models.BooleanField(_("staff"), default=False, help_text=_("May enter admin."))
    is_active = models.BooleanField(
        _("active"), default=True, help_text=_("Switch off instead of deleting: money keeps its owner.")
    )
    customer_group = models.ForeignKey(
        CustomerGroup,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="customers",
        verbose_name=_("customer group"),
    )
    date_joined = models.DateTimeField(_("joined at"), default=timezone.now, editable=False)
    sign_outs = models.PositiveIntegerField(
        _("times signed out everywhere"),
        default=0,
        editable=False,
        help_text=_("Part of what a session is signed with: the next number ends them all."),
    )

    objects: ClassVar[UserManager] = UserManager()

    EMAIL_FIELD = "email"
    USERNAME_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    class Meta:
        verbose_name = _("user")
        verbose_name_plural = _("users")
        permissions = [
            ("block_customer", "Can block customers and sign them out"),
            ("hijack_customer", "Can look at the site as a customer"),
            ("export_user", "Can export user"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(email=Lower("email")), name="accounts_user_email_lower"
            ),
        ]
        indexes = [
            # The list in admin, newest first, and the desk's new customers by day.
            models.Index(fields=["date_joined"], name="accounts_user_joined"),
        ]

    def __str__(self) -> str:
        return self.email

    def clean(self) -> None:
        """Fold the address to lower case, as the database demands."""
        super().clean()
        self.email = self.email.strip().lower()

    def _get_session_auth_hash(self, secret: str | None = None) -> str:
        return f"{super()._get_session_auth_hash(secret)}:{self.sign_outs}"  # type: ignore[misc]

    def get_full_name(self) -> str:
        """Return the name, or the address of a user who gave none."""
        return self.name or self.email

    def get_short_name(self) -> str:
        """Return what a greeting calls the user."""
        return self.name or self.email.partition("@")[0]
