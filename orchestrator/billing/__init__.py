"""Billing: usage intervals, and the rater that prices quotes, plans and bills."""
