"""Text that no word list holds: numbers, dates, times, prices, codes, phone numbers, addresses, web and mail addresses."""

from collections.abc import Callable, Sequence
from typing import TypeVar

import numpy as np

T = TypeVar("T")
CURRENCIES = "$$$€€€£££¥¥₹₹₺₪₫₩₽₴₦₱¢"
SIGNS = "©®™°µ×÷±§¶†‡•‰½¼¾²³¹№→←≤≥≈≠−∞√·¬¦¤ªº★■□●○✓↑↓ΩπαβγδλσθΔΣφ⅓⅔′″‐―❑‹›¡¿‚„"
UNITS = ("mm", "cm", "m", "km", "g", "kg", "ml", "l", "kW", "MB", "GB", "Hz", "°C", "h", "min", "pt", "V")
UPPER = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
DIGITS = "0123456789"
HOSTS = ("com", "org", "net", "de", "fr", "co.uk", "info", "eu", "io")


def pick(rng: np.random.Generator, items: Sequence[T]) -> T:
    """One of `items`, each equally likely."""
    return items[int(rng.random() * len(items))]


def between(rng: np.random.Generator, low: int, high: int) -> int:
    """An integer of low..high, both included."""
    return low + int(rng.random() * (high - low + 1))


def digits(rng: np.random.Generator, low: int, high: int) -> str:
    """Return between `low` and `high` random digits."""
    return "".join([pick(rng, DIGITS) for _ in range(between(rng, low, high))])


def number(rng: np.random.Generator) -> str:
    """A number: whole, grouped, decimal or signed."""
    value = between(rng, 0, 10 ** between(rng, 1, 7))
    form = between(rng, 0, 6)
    if form <= 2:
        return str(value)
    if form == 3:
        return f"{value:,}".replace(",", pick(rng, ",. '"))
    if form == 4:
        return f"{value / 100:.2f}".replace(".", pick(rng, ".,"))
    return pick(rng, "+-±~<>") + str(value) if form == 5 else f"{between(rng, 1, 99)}/{between(rng, 1, 99)}"


def date(rng: np.random.Generator) -> str:
    """A date in one of the usual numeric orders."""
    day, month, year = between(rng, 1, 31), between(rng, 1, 12), between(rng, 1700, 2049)
    sign = pick(rng, "./-")
    form = between(rng, 0, 3)
    if form == 0:
        return f"{day:02d}{sign}{month:02d}{sign}{year}"
    if form == 1:
        return f"{year}-{month:02d}-{day:02d}"
    return f"{month}{sign}{day}{sign}{year % 100:02d}" if form == 2 else f"{day}.{month}.{year}"


def time(rng: np.random.Generator) -> str:
    """A time of day, sometimes with seconds or am/pm."""
    text = f"{between(rng, 0, 23)}:{between(rng, 0, 59):02d}"
    form = between(rng, 0, 3)
    if form == 0:
        return f"{text}:{between(rng, 0, 59):02d}"
    return f"{text} {pick(rng, ('AM', 'PM', 'am', 'pm'))}" if form == 1 else text


def price(rng: np.random.Generator) -> str:
    """An amount with a currency sign or code before or behind it."""
    amount = f"{between(rng, 0, 10 ** between(rng, 2, 6)) / 100:,.2f}"
    if rng.random() < 0.4:
        amount = amount.replace(",", " ").replace(".", ",")
    form = between(rng, 0, 3)
    if form == 0:
        return f"{amount} {pick(rng, ('EUR', 'USD', 'GBP', 'RM', 'CHF', 'Kč', 'zł'))}"
    return f"{amount} {pick(rng, CURRENCIES)}" if form == 1 else pick(rng, CURRENCIES) + amount


def percent(rng: np.random.Generator) -> str:
    """A percentage or a measure with its unit."""
    if rng.random() < 0.5:
        return f"{between(rng, 0, 1000) / pick(rng, (1, 10)):g}%"
    return f"{between(rng, 1, 5000) / pick(rng, (1, 10)):g}{pick(rng, ('', ' '))}{pick(rng, UNITS)}"


def code(rng: np.random.Generator) -> str:
    """An identifier such as AB-1234, 12.345/6 or X9K2LM."""
    parts = []
    for _ in range(between(rng, 1, 3)):
        letters = "".join([pick(rng, UPPER) for _ in range(between(rng, 0, 3))])
        if rng.random() < 0.7:
            parts.append(letters + digits(rng, 1, 5))
        else:
            parts.append("".join([pick(rng, UPPER + DIGITS) for _ in range(between(rng, 2, 6))]))
    return pick(rng, "--/. _:").join(parts)


def phone(rng: np.random.Generator) -> str:
    """A telephone number."""
    groups = [digits(rng, 2, 4) for _ in range(between(rng, 2, 4))]
    return pick(rng, ("", "+", "0", "(0)", "Tel. ")) + pick(rng, " -./").join(groups)


def web(rng: np.random.Generator) -> str:
    """A web or mail address of random letters."""
    name = "".join([pick(rng, "abcdefghijklmnopqrstuvwxyz") for _ in range(between(rng, 3, 10))])
    host = "".join([pick(rng, "aeioulnrstmbdk") for _ in range(between(rng, 3, 9))]) + "." + pick(rng, HOSTS)
    form = between(rng, 0, 3)
    if form == 0:
        return f"{name}@{host}"
    if form == 1:
        return f"www.{host}"
    return f"https://{host}/{name}" if form == 2 else f"{host}/{name}_{digits(rng, 1, 3)}.html"


def mark(rng: np.random.Generator) -> str:
    """A short sign sequence as lists, tables and references have it."""
    n = between(rng, 1, 99)
    forms = (
        f"[{n}]",
        f"({n})",
        f"{n}.",
        f"{n})",
        f"§ {n}",
        f"#{n}",
        f"No. {n}",
        f"p. {n}",
        "•",
        "–",
        "* * *",
        "...",
        "&",
        "=",
        f"{n}–{n + 3}",
        "©",
        "®",
        pick(rng, SIGNS),
        f"{n}{pick(rng, SIGNS)}",
        f"{pick(rng, SIGNS)} {n}",
    )
    return pick(rng, forms)


_KINDS: tuple[Callable[[np.random.Generator], str], ...] = (number, date, time, price, percent, code, phone, web, mark)
TOKENS = {kind.__name__: kind for kind in _KINDS}


def token(rng: np.random.Generator) -> str:
    """A random token of any kind in `TOKENS`."""
    return pick(rng, _KINDS)(rng)


def address(rng: np.random.Generator, words: Sequence[str]) -> str:
    """A postal address line made of two of `words`, a house number and a postal code."""
    street, town = pick(rng, words).capitalize(), pick(rng, words).capitalize()
    house = f"{between(rng, 1, 250)}{pick(rng, ('', '', '', 'a', 'B', '/2'))}"
    if rng.random() < 0.5:
        return f"{street} {house}, {digits(rng, 4, 5)} {town}"
    return f"{house} {street}, {town} {digits(rng, 5, 6)}"
