"""A dict with values that are made when they are used, as PaddleOCR's results keep pictures in memory."""

import copy
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from typing import Any

Make = Callable[[], Any]


class ResultDict(dict[str, Any]):
    """A dict some of whose values are made when they are used. These are keys too, after the others, but not of the JSON.

    A pickle takes along how they are made, so that it is small.
    """

    def __init__(self, values: Mapping[str, Any], made: Mapping[str, Make]) -> None:
        super().__init__(values)
        self.made = dict(made)

    @property
    def stored(self) -> dict[str, Any]:
        """What files hold: the values without those that are made when used."""
        return dict(super().items())

    def __getitem__(self, key: str) -> Any:
        if key in self.made and not super().__contains__(key):
            return self.made[key]()
        return super().__getitem__(key)

    def __delitem__(self, key: str) -> None:
        if self.made.pop(key, None) is None or super().__contains__(key):
            super().__delitem__(key)

    def __contains__(self, key: object) -> bool:
        return super().__contains__(key) or key in self.made

    def __iter__(self) -> Iterator[str]:
        yield from super().__iter__()
        for key in self.made:
            if not super().__contains__(key):
                yield key

    def __len__(self) -> int:
        return len(super().keys() | self.made.keys())

    # A plain dict's own would not see the values that are made.
    get, pop, setdefault = MutableMapping.get, MutableMapping.pop, MutableMapping.setdefault  # type: ignore[assignment]
    keys, items, values = Mapping.keys, Mapping.items, Mapping.values  # type: ignore[assignment]

    def __reduce__(self) -> tuple[Any, ...]:
        return _restored, (type(self), self.stored, self.__dict__)

    def copy(self) -> "ResultDict":
        """A copy that shares the values."""
        return copy.copy(self)


def _restored(cls: type[ResultDict], values: dict[str, Any], state: dict[str, Any]) -> ResultDict:
    """A result out of its pickle."""
    result = cls.__new__(cls)
    dict.update(result, values)
    result.__dict__.update(state)
    return result
