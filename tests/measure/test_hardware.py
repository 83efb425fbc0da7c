"""What the system tells: read from folders as Linux has them, and nothing where there are none."""

import pytest

from lessons.roofline import hardware


def write(folder, **files):
    """A folder of small files, as in /sys."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name).write_text(f"{text}\n", encoding="utf-8")


def test_caches_that_hold_data_are_listed_by_level(tmp_path):
    caches = tmp_path / "devices/system/cpu/cpu0/cache"
    write(caches / "index0", type="Data", level=1, size="48K")
    write(caches / "index1", type="Instruction", level=1, size="64K")
    write(caches / "index2", type="Unified", level=2, size="2M")
    write(caches / "index3", type="Unified", level=3, size="broken")
    assert hardware.cache_bytes(root=tmp_path) == {"L1": 48 * 1024, "L2": 2 * 1024**2}


def test_no_files_mean_no_caches_and_no_counters(tmp_path):
    assert hardware.cache_bytes(root=tmp_path) == {}
    assert hardware.joules(root=tmp_path) == {}
    assert hardware.joules_while(lambda: None, seconds=0, root=tmp_path) == ({}, 1)


def test_joules_of_a_zone_while_work_runs(tmp_path):
    zone = tmp_path / "class/powercap/intel-rapl:0"
    write(zone, name="package-0", energy_uj=5_000_000)
    assert hardware.joules(root=tmp_path) == {"package-0 (intel-rapl:0)": 5.0}
    counted, calls = hardware.joules_while(lambda: write(zone, energy_uj=7_500_000), seconds=0, root=tmp_path)
    assert counted == {"package-0 (intel-rapl:0)": pytest.approx(2.5)} and calls == 1


def test_a_counter_that_began_again_is_left_out(tmp_path):
    zone = tmp_path / "class/powercap/intel-rapl:0"
    write(zone, name="package-0", energy_uj=5_000_000)
    counted, _ = hardware.joules_while(lambda: write(zone, energy_uj=10), seconds=0, root=tmp_path)
    assert counted == {}
