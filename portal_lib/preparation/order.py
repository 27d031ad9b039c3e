"""The order of the batches: the first is the reference, and Portal adds the others one by one."""

from collections.abc import Iterator, Mapping, Sequence

from portal_lib._text import nearest, some, suggest

# Orders that are not lists of names: by number of cells, and as the data have them.
LARGEST, AS_THEY_COME = "largest", "file"


def order_of(
    sizes: Mapping[str, int], order: str | Sequence[str | int] = AS_THEY_COME, reference: str | int | None = None
) -> list[str]:
    """Names of the batches in the order in which methods get them.

    Parameters
    ----------
    sizes
        Number of cells of each batch, in the order of the data.
    order
        ``"file"``: that of `sizes`. ``"largest"``: by number of cells, descending, ties by name. Else the names of all
        batches in order.
    reference
        The batch that goes first; the others keep their order. None for the first one of `order`.
    """
    names = list(sizes)
    if order == LARGEST:
        names.sort(key=lambda name: (-sizes[name], name))
    elif order != AS_THEY_COME:
        names = _texts(order)
    first = [] if reference is None else [_texts([reference])[0]]
    return first + [name for name in names if name not in first]


def order_problems(
    order: str | Sequence[str | int],
    reference: str | int | None = None,
    names: Sequence[str] | None = None,
    setting: str = "",
) -> Iterator[str]:
    """Names in `order` or `reference` that no batch has, batches that a list leaves out, and contradictions.

    Parameters
    ----------
    order, reference
        As in :func:`order_of`.
    names
        The batches; None where they are not known yet.
    setting
        What comes before ``order`` and ``reference`` in messages: ``"datasets[0]."``.
    """
    if reference is not None and names is not None and _texts([reference])[0] not in names:
        yield f"{setting}reference: {_unknown(reference, names)}"
    if isinstance(order, str):
        if order not in (LARGEST, AS_THEY_COME):
            found = nearest(order, (LARGEST, AS_THEY_COME))
            hint = f", did you mean '{found}'?" if found else "."
            yield f"{setting}order: {order!r} is neither '{LARGEST}' nor '{AS_THEY_COME}' nor a list of batches{hint}"
        return
    given = _texts(order)
    for name in dict.fromkeys(given):
        if names is not None and name not in names:
            yield f"{setting}order: {_unknown(name, names)}"
        elif given.count(name) > 1:
            yield f"{setting}order: '{name}' is listed {given.count(name)} times; name each batch once."
    absent = [name for name in names or () if name not in given]
    # A misspelt name is one problem, not two.
    if absent and set(given) <= set(names or ()):
        yield f"{setting}order: a list names all batches, and this one lacks {some(map(repr, absent))}."
    if reference is not None and _texts([reference])[0] in given[1:]:
        yield f"{setting}reference: '{reference}' is not the first of the list 'order'; leave out one of the two."


def _texts(names: Sequence[str | int]) -> list[str]:
    """Names as the values of obs are written; pandas is imported on use, since a configuration is read without it."""
    from portal_lib.preparation.reading.values import texts_of

    return texts_of(names)


def _unknown(name: str | int, names: Sequence[str]) -> str:
    return f"there is no batch '{name}'{suggest(name, names)} Known: {some(map(repr, names), 20)}."
