"""New runs made from ended ones: what they take over, what runs again, and what that costs."""
