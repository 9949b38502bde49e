"""`make apart`: a referendum whose parties run as different users, in folders of their own, and mistrust each other."""
