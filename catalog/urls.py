"""Addresses of the catalog room."""

from django.urls import URLPattern

urlpatterns: list[URLPattern] = []
