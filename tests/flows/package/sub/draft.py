NAME = "left out where package.exclude says so"
