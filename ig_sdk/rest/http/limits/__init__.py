"""IG's allowances: what the account and the key may ask for, and the queue that keeps to it; for the requestor only."""
