# Written by `make format`, from what the package exports when it is asked for.
from isthmus.parts.texts.one_hot import OneHot as OneHot
from isthmus.parts.texts.tfidf import Tfidf as Tfidf
from isthmus.parts.texts.tokens import Tokens as Tokens
