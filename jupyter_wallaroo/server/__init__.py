"""Jupyter's glue: the extension application, the table of routes, and thin handlers over the services."""
