"""Alerts to staff and the record of periodic jobs."""
