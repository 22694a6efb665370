"""The account's activities and transactions, and how to page through them; for ``ig.history`` and the deals."""
