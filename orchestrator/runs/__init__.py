"""TBD runs"""
