"""What the sequencer is made of: layouts, the loops of a product, panels, passes, operand halves and the throttle.

Each part adds its logic to the sequencer's one module; none has ports of its own.
"""
