"""The demo: its story, its sample city and its sample legacy system."""
