"""What a network costs: the plan of its products, their cycles, memory traffic and links."""
