"""TBD billing"""
