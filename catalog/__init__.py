"""Providers, their services, our prices, and the pages to browse them."""
