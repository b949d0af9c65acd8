"""How fast the panel is, beside what the machine can do at all, in the same run: `make bench`."""
