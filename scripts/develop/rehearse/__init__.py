"""`make rehearsal`: a whole referendum of a city, by the commands and pages that its people use."""
