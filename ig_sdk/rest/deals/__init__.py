"""Deals: what is checked before, what is sent, and how the outcome is found; used by positions, orders and confirms."""
