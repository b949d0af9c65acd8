"""Addresses of the accounts room; signing in and up are allauth's."""

from django.urls import path

from accounts import views

urlpatterns = [path("account/", views.account, name="account")]
