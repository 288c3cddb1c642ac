"""What a layer is like, and what looks wrong in it: the quality report and its page."""
