import pytest

from citybrain.coordinates import Crs, bd09_of_gcj02, gcj02_of, to_wgs84
from citybrain.geometry import distance_m

BEIJING, SHANGHAI, SHENZHEN, LISHUI = (
    (116.404, 39.915),
    (121.5272106, 31.1774276),
    (113.912316, 22.543847),
    (119.913, 28.449),
)


@pytest.mark.parametrize(
    ("shift", "position", "published"),
    [
        pytest.param(gcj02_of, BEIJING, (116.41024449916938, 39.91640428150164), id="coordtransform, GCJ-02"),
        pytest.param(bd09_of_gcj02, BEIJING, (116.41036949371029, 39.92133699351021), id="coordtransform, BD-09"),
        pytest.param(gcj02_of, SHANGHAI, (121.531541859215, 31.17530398364597), id="eviltransform, Shanghai"),
        pytest.param(gcj02_of, SHENZHEN, (113.9171764808363, 22.540796131694766), id="eviltransform, Shenzhen"),
    ],
)
def test_a_shift_gives_the_published_pair(shift, position, published):
    assert shift(position) == pytest.approx(published, abs=1e-9)


@pytest.mark.parametrize("position", [BEIJING, SHANGHAI, SHENZHEN, LISHUI, (118.7, 27.42), (120.44, 28.95)])
def test_a_shift_is_undone_to_a_metre(position):
    shifted = gcj02_of(position)
    assert distance_m(to_wgs84(shifted, Crs.GCJ02), position) < 1
    assert distance_m(to_wgs84(bd09_of_gcj02(shifted), Crs.BD09), position) < 1


def test_web_maps_of_lishui_lie_some_hundred_metres_to_the_south_east():
    lon, lat = gcj02_of(LISHUI)
    assert 0.0043 < lon - LISHUI[0] < 0.0051
    assert -0.0035 < lat - LISHUI[1] < -0.0031


@pytest.mark.parametrize("crs", [Crs.WGS84, Crs.CGCS2000])
def test_what_equals_wgs_84_is_left_alone(crs):
    assert to_wgs84((119.9130001234, 28.449), crs) == (119.9130001234, 28.449)
