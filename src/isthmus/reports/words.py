"""The words of a report, in English and in Russian."""

from __future__ import annotations

from collections.abc import Mapping

RUSSIAN: Mapping[str, str] = {
    "Report": "Отчёт",
    "rows": "строк",
    "columns": "столбцов",
    "weights": "весов",
    "odd rows": "необычных строк",
    "filled cells": "заполненных ячеек",
    "missing cells": "пропущенных ячеек",
    "The table": "Таблица",
    "Training": "Обучение",
    "Error by column": "Ошибка по столбцам",
    "Codes in two dimensions": "Коды на плоскости",
    "Scores": "Оценки строк",
    "The oddest rows": "Самые необычные строки",
    "Filled cells": "Заполненные ячейки",
    "How to repeat it": "Как повторить",
    "column": "столбец",
    "kind": "вид",
    "missing": "пропущено",
    "distinct": "различных",
    "what is in it": "что в нём",
    "number": "число",
    "category": "категория",
    "date": "дата",
    "to": "до",
    "median": "медиана",
    "mostly": "чаще всего",
    "and more columns": "и ещё столбцов",
    "left out": "Не участвуют в обучении",
    "epochs": "эпохи",
    "epoch": "эпоха",
    "ended because": "Обучение закончилось",
    "mean over rows": "среднее по строкам",
    "mean error": "средняя ошибка; чёрным — средняя половина строк",
    "first component": "первая главная компонента кода",
    "second component": "вторая главная компонента кода",
    "first number": "первое число кода",
    "second number": "второе число кода",
    "code": "код",
    "row": "строка",
    "score": "оценка",
    "p": "p",
    "odd": "необычна",
    "yes": "да",
    "no": "нет",
    "because of": "из-за чего",
    "expected": "ожидалось",
    "nothing": "пусто",
    "of the score": "оценки",
    "cells": "ячеек",
    "value": "значение",
    "interval": "90-процентный интервал",
    "threshold": "Порог",
    "above it": "выше него",
    "In Python": "На Python",
    "On the command line": "В командной строке",
    "parameter": "параметр",
    "note table": "Строки и столбцы, как они были прочитаны.",
    "note training": "Функция потерь и её слагаемые по эпохам, средние по строкам.",
    "note errors": (
        "Средний квадрат разности между строкой и её восстановлением, в единицах стандартного отклонения столбца; для "
        "категории — доля неверных."
    ),
    "note codes": "Каждая точка — строка таблицы; близкие точки модель считает похожими строками.",
    "note plane": "доля дисперсии кода, которую показывает плоскость:",
    "note scores": (
        "Сколько строк имеет какую оценку; чем она выше, тем необычнее строка. Вторая картинка — они по порядку строк."
    ),
    "note odd": (
        "Строки с самыми высокими оценками. Для каждой указаны столбцы, из-за которых она необычна: их доля в оценке, "
        "значение и то, что ожидалось по остальным столбцам."
    ),
    "note filled": (
        "Сколько ячеек заполнено в каждом столбце, и примеры: в интервале истинное число лежит с вероятностью 90 %."
    ),
    "note repeat": "Тот же файл модели и та же таблица дают тот же отчёт.",
}
ENGLISH: Mapping[str, str] = {
    **{name: name for name in RUSSIAN},
    "left out": "Left out of training",
    "ended because": "Training ended",
    "mean error": "mean error; black: the middle half of rows",
    "first component": "first principal component of the code",
    "second component": "second principal component of the code",
    "first number": "first number of the code",
    "second number": "second number of the code",
    "of the score": "of the score",
    "interval": "90 % interval",
    "threshold": "Threshold",
    "note table": "Rows and columns as they were read.",
    "note training": "The loss and its terms by epoch, means over rows.",
    "note errors": (
        "The mean square of the difference between a row and its reconstruction, in deviations of the column; of a "
        "category the share that is wrong."
    ),
    "note codes": "Each point is a row of the table; points that are near are rows that the model takes for similar.",
    "note plane": "share of the variance of the code that the plane shows:",
    "note scores": (
        "How many rows have which score; the higher, the odder. The second picture has scores in the order of rows."
    ),
    "note odd": (
        "The rows of the highest scores. Of each, the columns that make it odd: their share of the score, the value, "
        "and what was expected there given the other columns."
    ),
    "note filled": (
        "How many cells of each column were filled, and examples; in 90 of 100 cases the true number is within."
    ),
    "note repeat": "The same model file and the same table give the same report.",
}
LANGUAGES: Mapping[str, Mapping[str, str]] = {"en": ENGLISH, "ru": RUSSIAN}
