"""Addresses of the orders room."""

from django.urls import URLPattern

urlpatterns: list[URLPattern] = []
