"""What makes `migrate` safe on many machines and beside running services."""
