"""The client's side of the broker: logins, the dealing service, allowances, seeded history.

For both servers and faults.
"""
