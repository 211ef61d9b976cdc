"""TBD departments"""
