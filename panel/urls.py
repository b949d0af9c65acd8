"""The site's addresses."""

from django.contrib import admin
from django.urls import include, path

from panel import views

urlpatterns = [
    path("", views.home, name="home"),
    path("healthz", views.healthz, name="healthz"),
    path("", include("allauth.account.urls")),
    path("", include("accounts.urls")),
    path("", include("wallet.urls")),
    path("", include("catalog.urls")),
    path("", include("orders.urls")),
    path("i18n/", include("django.conf.urls.i18n")),
    path("admin/", admin.site.urls),
]
