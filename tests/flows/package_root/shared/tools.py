NAME = "shared tools"
