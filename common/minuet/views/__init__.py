"""What people see of a run: made from the recorded history, the same in REST and sockets."""
