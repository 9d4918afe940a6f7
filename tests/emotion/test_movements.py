"""Where on the face a value lies, and what a movement is called."""

import pytest

from mien.emotion.movements import (
    AREAS,
    BOTH_SIDES,
    MOVEMENTS,
    WHOLE_FACE,
    area_of,
    columns_by_area,
    in_words,
    paired,
)
from mien.errors import ModelError
from mien.face.blendshapes import BLENDSHAPE_NAMES, DEAD_BLENDSHAPES
from mien.face.features import FEATURE_SETS
from mien.face.topology import MIRROR, REGIONS


def test_every_point_lies_in_exactly_one_area() -> None:
    points = [point for area in AREAS.values() for point in area]
    assert sorted(points) == list(range(478))


def test_an_area_is_whole_regions_and_its_own_mirror_image() -> None:
    for area, points in AREAS.items():
        assert sorted(MIRROR[list(points)].tolist()) == list(points), area
        for region in REGIONS.values():
            assert set(region) <= set(points) or not set(region) & set(points)


def test_every_blendshape_has_one_area_and_words_of_its_own() -> None:
    assert tuple(movement.blendshape for movement in MOVEMENTS) == BLENDSHAPE_NAMES
    assert {m.area for m in MOVEMENTS if m.blendshape != "_neutral"} <= set(AREAS)
    assert len({movement.words for movement in MOVEMENTS}) == len(MOVEMENTS)
    assert {m.blendshape for m in MOVEMENTS if m.is_dead} == set(DEAD_BLENDSHAPES)


def test_words_name_the_side_that_moves() -> None:
    for movement in MOVEMENTS:
        for side in ("left", "right"):
            if movement.blendshape.endswith(side.title()):
                assert side in movement.words.split(), movement.blendshape


def test_a_pair_has_words_for_both_sides() -> None:
    for stem, words in BOTH_SIDES.items():
        pair = (f"{stem}Left", f"{stem}Right")
        assert set(pair) <= set(BLENDSHAPE_NAMES)
        assert in_words(pair) == words
        assert not {"left", "right"} & set(words.split())


def test_sides_that_are_no_pair_stay_apart() -> None:
    assert paired(["jawLeft", "jawRight"]) == [("jawLeft",), ("jawRight",)]
    assert in_words(["eyeLookInLeft"]) == "left eye looking towards the nose"


@pytest.mark.parametrize("name", FEATURE_SETS)
def test_every_value_of_every_feature_set_lies_in_one_area(name: str) -> None:
    names = FEATURE_SETS[name].names
    columns = columns_by_area(names)
    assert sorted(place for area in columns.values() for place in area) == list(range(len(names)))
    assert set(columns) <= {*AREAS, WHOLE_FACE}


def test_a_value_of_no_known_area_is_refused_by_name() -> None:
    with pytest.raises(ModelError, match="'heart_rate' belongs to no known area.*use a model"):
        area_of("heart_rate")
