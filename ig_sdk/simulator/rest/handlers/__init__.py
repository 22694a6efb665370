"""One module for each group of REST endpoints, called by ``rest/app.py`` with a checked request.

Used by ``rest/app.py`` only.
"""
