"""Addresses of the catalog room."""

from django.urls import path

from catalog import views

urlpatterns = [
    path("services/", views.services, name="services"),
    path("services/<int:service_id>/", views.service, name="service"),
    path("updates/", views.updates, name="updates"),
]
