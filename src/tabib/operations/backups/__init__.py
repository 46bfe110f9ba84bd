"""Copies of data: taking, keeping, restoring and drilling them."""
