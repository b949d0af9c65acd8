"""A client of "SMM panel API v2" (`provider-api.txt`), pure Python, and a sandbox provider beside it."""
