"""What several flows use."""

REGIONS = ["eu", "us"]
