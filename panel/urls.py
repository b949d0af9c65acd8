"""The site's addresses."""

from allauth.account.decorators import secure_admin_login
from django.contrib import admin
from django.urls import include, path
from django.views.decorators.http import require_safe

from panel import views
from panel.margin import margin_csv

# Staff log in by the site's own form, which limits attempts. Admin's has no limit, not even for staff who
# are logged in and try another's password: nothing may be posted to it.
admin.site.login = secure_admin_login(require_safe(admin.site.login))  # type: ignore[method-assign]

urlpatterns = [
    path("", views.home, name="home"),
    path("healthz", views.healthz, name="healthz"),
    path("readyz", views.readyz, name="readyz"),
    path("", include("allauth.account.urls")),
    path("", include("accounts.urls")),
    path("", include("wallet.urls")),
    path("", include("catalog.urls")),
    path("", include("orders.urls")),
    path("", include("support.urls")),
    path("i18n/", include("django.conf.urls.i18n")),
    path("admin/margin.csv", admin.site.admin_view(margin_csv), name="margin_csv"),
    path("admin/", admin.site.urls),
]

handler500 = "panel.views.server_error"
