"""Limits, pools and budget lines, and what live requests hold of them."""
