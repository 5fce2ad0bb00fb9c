"""Fixed values: what `frozen` makes of a class."""

import gc
import inspect

import pytest

from toolgate.schemas.frozen import changed, frozen, names_of


@frozen
class Point:
    """A value with a default, and with a type that only a type checker could find."""

    x: int
    label: "Unknown" = ""  # noqa: F821

    def shifted(self) -> int:
        """A method of the class."""
        return self.x + 1


def test_equal_by_value_and_hashable():
    """Two of the same values are one key."""
    assert Point(1) == Point(1, "")
    assert len({Point(1), Point(1, ""), Point(2)}) == 2


def test_cannot_be_changed():
    """Not only in the type checker's eyes."""
    point = Point(1)
    with pytest.raises(AttributeError):
        point.x = 2
    with pytest.raises(AttributeError):
        point.other = 2


def test_a_copy_differs_where_it_is_told_to():
    """The first one stays as it was; a field that there is not is refused."""
    point = Point(1, "a")
    assert changed(point, x=2) == Point(2, "a")
    assert point == Point(1, "a")
    with pytest.raises(TypeError):
        changed(point, y=1)


def test_a_field_may_have_any_name():
    """A record's value is called so too."""

    @frozen
    class Record:
        value: int

    assert changed(Record(1), value=2) == Record(2)


def test_keeps_what_the_class_has():
    """Its name and place, its documentation, its methods."""
    assert (Point.__qualname__, Point.__module__, Point(1).shifted()) == ("Point", __name__, 2)
    assert Point.__doc__.startswith("A value")


def test_names_and_signature_need_no_types():
    """Annotations stay unevaluated: most types are imported for the type checker alone."""
    assert names_of(Point) == ("x", "label")
    shown = inspect.signature(Point).parameters
    assert [shown["x"].default, shown["label"].default] == [inspect.Parameter.empty, ""]


def test_the_garbage_collector_does_not_look_at_it():
    """That is what makes large batches cheap."""
    assert not gc.is_tracked(Point(1, []))
