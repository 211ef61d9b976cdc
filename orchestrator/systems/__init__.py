"""TBD systems"""
