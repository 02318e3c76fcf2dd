"""What is allowed, as pure functions of what is there and what is asked."""
