"""TBD resource_requests"""
