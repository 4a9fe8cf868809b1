"""What the fraud team's flows share, beside them."""


def suspicious(amount, limit):
    return amount > limit
