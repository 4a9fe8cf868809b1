"""Parsers of Configs that several flows share."""


def count_words(text):
    return {"words": len(text.split())}
