"""`make faults`: whole referendums with real services, to which everything happens that happens to servers."""
