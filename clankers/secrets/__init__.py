"""Finds credentials in text and masks them. Imports nothing of ours."""
