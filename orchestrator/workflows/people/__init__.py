"""People: sign-in, tokens, passwords."""
