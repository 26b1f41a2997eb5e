"""What an audit decides by, and what a stress test asks for."""
