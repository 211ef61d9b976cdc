"""Limits, pools and budget lines, and the amounts that live requests hold of them."""
