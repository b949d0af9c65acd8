"""Addresses of the accounts room; signing in and up, the second factor and sessions are allauth's."""

from django.urls import include, path

from accounts import views

urlpatterns = [
    path("account/", views.account, name="account"),
    path("account/look/end/", views.end_look, name="look_end"),
    path("account/2fa/", include("allauth.mfa.urls")),
    path("account/sessions/", include("allauth.usersessions.urls")),
]
