"""The operators' API: everything under `/api/v1/` that the hot edge does not take. One module a noun.

What comes in is checked by django-ninja; what goes out are the readers' structs as they stand, described from themselves.
"""
