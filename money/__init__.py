"""Exact money: the field, the rounding and the display that every room shares. Holds no data."""
