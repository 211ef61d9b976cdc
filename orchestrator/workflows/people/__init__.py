"""Workflows of people: sign-in, tokens, passwords."""
