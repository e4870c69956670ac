"""The forms of what comes and goes, as the API's description tells them.

They describe and are not run: answers are written straight as JSON, and queries are
read by ``Query.from_dict``, which says what is wrong with them in a sentence.
"""
