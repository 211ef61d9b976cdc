"""TBD resources"""
