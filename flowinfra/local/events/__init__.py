"""EventBridge's bus: patterns, what targets get, and delivery.

`patterns` and `template` are pure, `shapes` makes the events that AWS' services send, `bus` delivers. What goes in are
events, from `flowinfra.local.mends`; what comes out are executions, messages and events of other buses.
"""
