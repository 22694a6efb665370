"""What can be subscribed, and the rows of each item. Pure. For ``stream`` and the simulator that feeds it."""
