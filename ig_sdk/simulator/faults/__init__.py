"""What can be made to go wrong on both wires, and when.

Both servers read it; users reach it as ``Simulator.faults``.
"""
