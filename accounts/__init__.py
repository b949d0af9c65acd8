"""Users, sign-up and login."""
