"""Regridding of stored files to layers on the requested grid."""
