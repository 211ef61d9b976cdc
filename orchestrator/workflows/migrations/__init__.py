"""A migration from its registration to the retired legacy system."""
