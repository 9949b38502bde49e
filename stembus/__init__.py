"""Stembus. In a checkout its packages are the folders beside this one; an installed one holds them itself."""

import pathlib

if not pathlib.Path(__file__).with_name("audit").is_dir():
    __path__.append(str(pathlib.Path(__file__).parents[1]))
