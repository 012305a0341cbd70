"""What other programs import of kpiwatch."""
