"""TBD quotas"""
