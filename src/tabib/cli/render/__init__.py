"""What people see: tables, progress, pages. Pure text where possible."""
