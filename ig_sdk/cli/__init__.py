"""The ``ig-sdk`` command."""
