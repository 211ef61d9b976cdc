"""Statements as files: CSV and XLSX for tables, PDF/A for the sealed paper."""
