"""Mutation check: whether the tests see it when a line of a rule is wrong (docs/testing.md)."""
