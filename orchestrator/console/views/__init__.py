"""What each page needs, as frozen data: routes fill these in, templates read nothing else.

Names of people, organisations and systems arrive in the reader's language; codes (statuses, kinds, effects)
arrive as the domain writes them and get their words from ``labels``. Money is fen, times are aware.
"""
