"""Addresses of the support room."""

from django.urls import path

from support import views

urlpatterns = [
    path("pages/<slug:slug>/", views.page, name="page"),
    path("terms/", views.accept_terms, name="terms"),
    path("announcements/<int:announcement_id>/dismiss/", views.dismiss, name="announcement_dismiss"),
]
