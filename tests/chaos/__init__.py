"""The whole site under load while its parts die, and its books compared with the provider's: `make chaos`."""
