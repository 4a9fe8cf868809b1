"""What every provider plugin that is written in Python needs, whatever it provides.

serving.py · servicer.py  serve until the engine goes, speak to its log, answer what needs no resource, clear errors
wire.py                   property values on the wire: unknowns, secrets, assets
answers.py                what a diff and a read answer
schema.py · checks.py     what a resource takes, what differs, what a difference means (pure)
failure.py                a failure that leaves something behind
"""
