"""What is sent to others unasked."""
