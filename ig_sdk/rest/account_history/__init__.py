"""account_history."""
