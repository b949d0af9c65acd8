"""Addresses of the orders room."""

from django.urls import path

from orders import views

urlpatterns = [
    path("orders/", views.index, name="orders"),
    path("orders/new/", views.new, name="order_new"),
    path("orders/new/total/", views.total, name="order_total"),
    path("orders/<int:order_id>/", views.detail, name="order"),
    path("orders/<int:order_id>/cancel/", views.cancel, name="order_cancel"),
]
