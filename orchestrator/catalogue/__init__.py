"""TBD catalogue"""
