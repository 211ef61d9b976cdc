"""TBD adapters"""
