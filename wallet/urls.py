"""Addresses of the wallet room."""

from django.urls import URLPattern

urlpatterns: list[URLPattern] = []
