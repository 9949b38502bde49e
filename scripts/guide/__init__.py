"""`stembus guide`: the officials' page on their own machine, which leads through the whole referendum."""
