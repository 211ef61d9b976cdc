"""READ FIRST: the steps of the service, one function a step, one step a transaction.

Every step has the same four beats: lock, decide, write, enqueue. Nothing here commits; the edge
(one request, one job, one command) does.
"""
