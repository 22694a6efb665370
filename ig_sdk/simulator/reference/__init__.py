"""Fixed facts of the simulated IG: instruments, opening hours, navigation. Any part of the simulator may use them."""
