"""What the extra-credit notebooks need: studies, compressed networks, analyses."""
