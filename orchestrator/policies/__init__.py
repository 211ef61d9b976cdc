"""The city's rules as data, and the functions that judge a request by them."""
