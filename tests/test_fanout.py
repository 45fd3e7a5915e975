"""Where stages run must change nothing but the time they take."""

import json
import os
import pickle
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from threading import Timer
from types import SimpleNamespace
from typing import Any, overload

import dask
import numpy as np
import pytest
from numpy.typing import NDArray
from threadpoolctl import threadpool_info, threadpool_limits  # type: ignore[import-untyped]  # ships no types

from limekiln import fanout
from limekiln.errors import ConfigError, InputError, RunError
from limekiln.fanout import Executor, cluster, executor, work
from limekiln.settings import ClusterSettings

INLINE = ClusterSettings(scheduler="inline")
Floats = NDArray[np.float64]
Spawn = Callable[..., subprocess.Popen[str]]


def solve(matrix: Floats, seed: int) -> Floats:
    right = np.random.default_rng(seed).normal(size=(len(matrix), 7))
    return np.asarray(np.linalg.solve(matrix @ matrix.T, right), dtype=np.float64)


def add(shared: int, item: int) -> int:
    return shared + item


def process(_shared: None, _item: int) -> int:
    time.sleep(0.02)  # long enough for the other worker to get some
    return os.getpid()


def environment(_shared: None, name: str) -> str | None:
    return os.environ.get(name)


def native_threads(_shared: None, item: int) -> set[int]:
    time.sleep(0.005 * (item % 3))  # leave at different times
    return {library["num_threads"] for library in threadpool_info()}


def fail(error: BaseException, item: int) -> int:
    if item == 3:
        raise error
    return item


def die_once(flag: Path, item: int) -> int:
    time.sleep(0.02)
    if item == 7 and not flag.exists():
        flag.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return item


def die(_shared: None, _item: int) -> int:
    os.kill(os.getpid(), signal.SIGKILL)
    return 0


class Counted:
    """Writes a line for each time it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __setstate__(self, state: dict[str, Path]) -> None:
        self.__dict__.update(state)
        with self.path.open("a") as file:
            file.write(f"{os.getpid()}\n")


def touch(_shared: Counted, _item: int) -> int:
    return process(None, 0)


class Watched(Sequence[int]):
    """A sequence that knows how many of its items were asked for."""

    def __init__(self, length: int) -> None:
        self.length = length
        self.asked = 0

    @overload
    def __getitem__(self, index: int) -> int: ...
    @overload
    def __getitem__(self, index: slice) -> "Watched": ...
    def __getitem__(self, index: int | slice) -> "int | Watched":
        if isinstance(index, slice):
            assert index.start == 0
            return self
        if index >= self.length:
            raise IndexError(index)
        self.asked = max(self.asked, index + 1)
        return index

    def __len__(self) -> int:
        return self.length


class Stubborn(Exception):  # noqa: N818  # named for what it does
    """Can be pickled, not unpickled."""

    def __init__(self, first: str, second: str) -> None:
        super().__init__(first + second)


@contextmanager
def always_on_workers(count: int) -> Iterator[Executor]:
    with ExitStack() as stack:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(fanout, "START_COST_S", -1.0)
            patch.setattr(fanout, "SEND_COST_S", -1.0)
            where = stack.enter_context(executor(ClusterSettings(workers=count)))
        yield where


@pytest.fixture(scope="module")
def workers() -> Iterator[Executor]:
    with always_on_workers(2) as where:
        yield where


@pytest.fixture
def spawn() -> Iterator[Spawn]:
    """Starts `python …` in a process group of its own, where the job functions of this file can be imported."""
    started: list[subprocess.Popen[str]] = []

    def start(*arguments: str) -> subprocess.Popen[str]:
        # two threads for each library, so that a limit that does not hold shows on any machine
        environ = {**os.environ, "PYTHONPATH": str(Path(__file__).parent)}
        environ |= {"OMP_NUM_THREADS": "2", "OPENBLAS_NUM_THREADS": "2"}
        pipe = subprocess.PIPE
        child = subprocess.Popen(
            [sys.executable, *arguments], env=environ, stdout=pipe, stderr=pipe, text=True, start_new_session=True
        )
        started.append(child)
        return child

    yield start
    for child in reversed(started):
        with suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)
        child.communicate()


def start_scheduler(spawn: Spawn, folder: Path) -> tuple[str, subprocess.Popen[str]]:
    file = folder / "scheduler.json"
    child = spawn(
        "-m", "dask", "scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard",
        "--dashboard-address", "127.0.0.1:0", "--scheduler-file", str(file),
    )  # fmt: skip
    deadline = time.monotonic() + 30
    while not file.exists():
        assert child.poll() is None, child.communicate()
        assert time.monotonic() < deadline, "no scheduler after 30 s"
        time.sleep(0.05)
    for _ in range(100):  # the file is there before it is full
        try:
            return str(json.loads(file.read_text())["address"]), child
        except ValueError:
            time.sleep(0.05)
    raise AssertionError(file.read_text())


def start_worker(spawn: Spawn, address: str, *options: str) -> subprocess.Popen[str]:
    return spawn("-m", "dask", "worker", address, "--host", "127.0.0.1", "--nthreads", "2", "--no-dashboard", *options)


def matrix() -> Floats:
    return np.random.default_rng(0).normal(size=(120, 120))


def solutions(where: Executor) -> list[Floats]:
    return list(where.map(solve, matrix(), range(15), label="solve"))


def as_bytes(results: Sequence[Floats]) -> list[bytes]:
    return [result.tobytes() for result in results]


@pytest.fixture(scope="module")
def expected() -> list[bytes]:
    with executor(INLINE) as where:
        return as_bytes(solutions(where))


def test_more_workers_than_cores_give_the_bytes_of_the_plain_loop(expected: list[bytes]) -> None:
    with always_on_workers(4) as where:
        results = solutions(where)
        assert where.description == {"scheduler": "local", "workers": 4, "threads": 4, "stages": "solve: 15 on workers"}
    assert as_bytes(results) == expected


def test_two_workers_give_the_same_in_stage_after_stage(workers: Executor, expected: list[bytes]) -> None:
    for _ in range(3):
        results = solutions(workers)
        assert as_bytes(results) == expected
        assert all(result.flags.writeable for result in results)


@pytest.mark.parametrize("items", [2, 4, 5, 60])
def test_both_workers_take_part(workers: Executor, items: int) -> None:
    for _ in range(3):  # the scheduler remembers what it has seen
        pids = list(workers.map(process, None, range(items), label="process"))
        assert len(set(pids)) == 2
        assert min(map(pids.count, set(pids))) >= items // 4


def test_a_scheduler_and_a_worker_that_already_run(spawn: Spawn, tmp_path: Path, expected: list[bytes]) -> None:
    address, scheduler = start_scheduler(spawn, tmp_path)
    worker = start_worker(spawn, address, "--no-nanny")
    for _ in range(2):  # what the first run leaves is as good as what it found
        with executor(ClusterSettings(scheduler=address)) as where:
            assert as_bytes(solutions(where)) == expected
            assert where.description == {
                "scheduler": address, "workers": 1, "threads": 2, "stages": "solve: 15 on workers",
            }  # fmt: skip
    assert scheduler.poll() is None
    assert worker.poll() is None
    with executor(ClusterSettings(scheduler=address)) as where:
        assert set().union(*where.map(native_threads, None, range(30), label="threads")) == {1}
        list(where.map(touch, Counted(tmp_path / "opened"), range(40), label="touch"))
        with pytest.raises(RunError, match=r"^fail: item 4 failed: ValueError: no$"):
            list(where.map(fail, ValueError("no"), range(40), label="fail"))
    assert len((tmp_path / "opened").read_text().split()) == 1


def test_a_cluster_that_loses_its_workers_and_then_its_scheduler(
    spawn: Spawn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cluster, "WORKERS_S", 1)
    address, scheduler = start_scheduler(spawn, tmp_path)
    with (
        pytest.raises(RunError, match=f"at {address} has had no worker for 1 s"),
        executor(ClusterSettings(scheduler=address)),
    ):
        pass
    start_worker(spawn, address, "--no-nanny")
    monkeypatch.setattr(cluster, "WORKERS_S", 30)
    with executor(ClusterSettings(scheduler=address)) as where:
        monkeypatch.setattr(cluster, "WORKERS_S", 1)
        with pytest.raises(RunError, match=r"^die: the cluster has lost all of its workers"):
            list(where.map(die, None, range(3), label="die"))
        monkeypatch.setattr(cluster, "WORKERS_S", 30)
        Timer(0.5, scheduler.kill).start()
        with pytest.raises(RunError, match=r"^add: the connection to the scheduler is lost"):
            list(where.map(add, 1, range(3), label="add"))


def test_the_shared_value_is_opened_once_in_each_worker(workers: Executor, tmp_path: Path) -> None:
    pids = set(workers.map(touch, Counted(tmp_path / "opened"), range(60), label="touch"))
    assert sorted(map(int, (tmp_path / "opened").read_text().split())) == sorted(pids)


def test_the_parcel_is_freed_with_its_stage_and_counts_as_large_as_it_is() -> None:
    parcel = work.Parcel(work.dumps((add, bytes(10**6))))
    parcel.open()
    assert sys.getsizeof(parcel) > 10**6
    assert len(pickle.dumps(parcel)) < 1.01 * 10**6


def test_few_items_are_under_way_at_a_time(workers: Executor) -> None:
    items = Watched(40)
    ahead = [items.asked - index for index, _ in enumerate(workers.map(add, 1, items, label="add"))]
    assert max(ahead) == cluster.WINDOW * 2
    assert items.asked == 40


def test_results_come_in_order_with_a_count(workers: Executor) -> None:
    counts: list[int] = []
    for expected, result in enumerate(workers.map(add, 100, range(25), label="add", done=counts.append)):
        assert result == expected + 100
        assert counts == list(range(1, expected + 2))


def test_no_items(workers: Executor) -> None:
    assert list(workers.map(add, 1, [], label="add")) == []


def test_an_abandoned_stage_leaves_the_workers_usable(workers: Executor) -> None:
    results = workers.map(process, None, range(100), label="left")
    next(results)
    results.close()  # type: ignore[attr-defined]  # a generator
    assert list(workers.map(add, 1, range(5), label="add")) == [1, 2, 3, 4, 5]


def in_process(start: float, step: float) -> Callable[[], float]:
    """A clock on which the first item takes `start` seconds and every other one `step`."""
    now = [0.0]
    calls = [0]

    def clock() -> float:
        calls[0] += 1
        if calls[0] % 2 == 0:
            now[0] += start if calls[0] == 2 else step
        return now[0]

    return clock


@pytest.mark.parametrize(
    ("pace", "items", "cores", "here"),
    [
        ((1.0, 1.0), 100, 2, 2),  # 98 s left, 49 saved
        ((0.1, 0.1), 100, 2, 100),  # 9.8 s left, 4.9 saved
        ((0.1, 0.1), 100, 8, 2),  # 9.8 s left, 8.6 saved
        ((5.0, 0.01), 100, 2, 100),  # a slow start is not a slow stage
        ((60.0, 60.0), 3, 2, 1),  # a minute is no start-up
        ((60.0, 60.0), 1, 2, 1),
        ((60.0, 60.0), 2, 2, 2),  # the last item gains nothing from company
        ((1.0, 1.0), 100, 1, 100),
    ],
)
def test_local_starts_workers_only_where_they_pay(
    monkeypatch: pytest.MonkeyPatch, pace: tuple[float, float], items: int, cores: int, here: int
) -> None:
    seen: list[int] = []

    @contextmanager
    def pretend(_workers: int, _threads: int) -> Iterator[Any]:
        def results(function: Any, shared: Any, items: Any, *, label: str, first: int) -> Iterator[Any]:
            assert label == "add"
            seen.append(first)
            return (function(shared, item) for item in items)

        yield SimpleNamespace(results=results)

    monkeypatch.setattr(cluster, "local_workers", pretend)
    monkeypatch.setattr(fanout, "perf_counter", in_process(*pace))
    monkeypatch.setattr(fanout, "_cores", lambda: cores)
    counts: list[int] = []
    with executor(ClusterSettings()) as where:
        assert list(where.map(add, 1, range(items), label="add", done=counts.append)) == list(range(1, items + 1))
        assert where.description["workers"] == (0 if here == items else cores)
    assert counts == list(range(1, items + 1))
    # the bar is measured on the first `here` items; the rest goes out, counted on
    assert seen == ([] if here == items else pytest.approx([here], abs=0))


def test_where_workers_cannot_start_the_run_goes_on_in_process(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: int) -> None:
        raise OSError("no more processes")

    monkeypatch.setattr(cluster, "local_workers", refuse)
    with always_on_workers(2) as where:
        with pytest.warns(UserWarning, match="could not be started .OSError: no more processes.; the run goes on"):
            assert list(where.map(add, 1, range(5), label="add")) == [1, 2, 3, 4, 5]
        assert where.description["stages"] == "add: 5 in process"


def test_dask_is_not_imported_where_it_is_not_needed() -> None:
    code = """
import sys
from limekiln.fanout import executor
from limekiln.settings import ClusterSettings
for scheduler in ("inline", "local"):
    with executor(ClusterSettings(scheduler=scheduler)) as where:
        assert list(where.map(pow, 2, range(5), label="pow")) == [1, 2, 4, 8, 16]
print([name for name in sys.modules if name.split(".")[0] in ("dask", "distributed")])
"""
    assert subprocess.check_output([sys.executable, "-c", code], text=True) == "[]\n"


SCRIPT = """
import os, signal
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs ignore Ctrl-C
print("line one", flush=True)
from limekiln import fanout
from limekiln.settings import ClusterSettings
fanout.START_COST_S = -1.0

class Mine:
    def __init__(self, value):
        self.value = value

def job(shared, item):
    print("a model that prints", flush=True)
    return Mine(shared.value + item)

def process(shared, item):
    return os.getpid()

with fanout.executor(ClusterSettings(workers=2)) as where:
    results = list(where.map(job, Mine(10), range(3), label="job"))
    assert where.description["stages"] == "job: 3 on workers"
    print([isinstance(result, Mine) and result.value for result in results])
    for pid in where.map(process, None, range(10**6), label="process"):
        print(pid, flush=True)
"""


def test_a_script_without_main_guard_keeps_its_output_and_ctrl_c_ends_its_workers(spawn: Spawn, tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    child = spawn(str(script))
    assert child.stdout is not None
    assert [child.stdout.readline() for _ in range(2)] == ["line one\n", "[10, 11, 12]\n"]
    pids = {int(child.stdout.readline()) for _ in range(30)}
    os.killpg(child.pid, signal.SIGINT)  # as a terminal does it: to the whole group
    _, errors = child.communicate(timeout=60)
    assert child.returncode == -signal.SIGINT
    noise = errors.partition("Traceback")[0]  # two processes write it, line ends may come apart
    assert noise.count("a model that prints") == 3
    assert not noise.replace("a model that prints", "").strip()
    assert errors.count("Traceback") == 1, errors
    assert errors.endswith("KeyboardInterrupt\n")
    for pid in pids:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


def test_one_worker_keeps_its_allocator_and_the_environment_is_as_before(
    monkeypatch: pytest.MonkeyPatch, expected: list[bytes]
) -> None:
    monkeypatch.delenv("MALLOC_TRIM_THRESHOLD_", raising=False)
    monkeypatch.setenv("MKL_NUM_THREADS", "3")
    before = dict(os.environ)
    names = ["MALLOC_TRIM_THRESHOLD_", "OMP_NUM_THREADS", "MKL_NUM_THREADS"]
    with always_on_workers(1) as where:
        assert list(where.map(environment, None, names, label="environment")) == [None, "1", "3"]
        assert dict(os.environ) == before
        assert as_bytes(solutions(where)) == expected
    assert dict(os.environ) == before


def test_native_libraries_get_one_thread_and_then_theirs_again(workers: Executor) -> None:
    with threadpool_limits(2), executor(INLINE) as where:
        before = native_threads(None, 0)
        assert before != {1}
        assert next(where.map(native_threads, None, [0], label="threads")) == {1}
        assert native_threads(None, 0) == before
    assert next(workers.map(native_threads, None, [0], label="threads")) == {1}


def test_a_worker_that_dies_costs_no_result(workers: Executor, tmp_path: Path) -> None:
    assert list(workers.map(die_once, tmp_path / "died", range(40), label="die once")) == list(range(40))
    assert (tmp_path / "died").exists()


def test_an_item_that_kills_every_worker_ends_the_run_in_plain_words(capfd: pytest.CaptureFixture[str]) -> None:
    with (
        dask.config.set({"distributed.scheduler.allowed-failures": 1}),
        always_on_workers(1) as where,
        pytest.raises(RunError, match=r"^explain: workers died 2 times .* memory"),
    ):
        list(where.map(die, None, [0], label="explain"))
    captured = capfd.readouterr()
    assert captured.out == ""
    assert captured.err == ""


@pytest.fixture(params=["inline", "workers"])
def either(request: pytest.FixtureRequest) -> Iterator[Executor]:
    if request.param == "workers":
        yield request.getfixturevalue("workers")
    else:
        with executor(INLINE) as where:
            yield where


@pytest.mark.parametrize(
    ("raised", "seen", "message"),
    [
        (ConfigError("config.yaml:2:1: wrong"), ConfigError, "config.yaml:2:1: wrong"),
        (ValueError("too small"), RunError, "fail: item 4 failed: ValueError: too small"),
        (SystemExit(5), RunError, "fail: item 4 failed: SystemExit: 5"),
    ],
)
def test_errors_arrive_as_they_left(
    either: Executor, raised: BaseException, seen: type[Exception], message: str
) -> None:
    results: list[int] = []
    with pytest.raises(seen) as caught:
        results.extend(either.map(fail, raised, range(10), label="fail"))
    assert type(caught.value) is seen
    assert str(caught.value) == message
    if seen is RunError:
        assert type(caught.value.__cause__) is type(raised)


def test_results_before_an_error_were_given_out(either: Executor) -> None:
    stage = either.map(fail, ValueError(), range(10), label="fail")
    assert [next(stage) for _ in range(3)] == [0, 1, 2]
    with pytest.raises(RunError):
        next(stage)


def test_an_error_shows_where_on_the_worker_it_was_raised(workers: Executor) -> None:
    with pytest.raises(RunError) as caught:
        list(workers.map(fail, ValueError(), range(10), label="fail"))
    cause = caught.value.__cause__
    assert cause is not None
    assert "in fail" in "".join(cause.__notes__)


def stubborn(_shared: None, _item: int) -> int:
    raise Stubborn("can", "not")


def test_an_error_that_cannot_travel_arrives_in_words(workers: Executor) -> None:
    with pytest.raises(RunError, match="RuntimeError: Stubborn: cannot"):
        list(workers.map(stubborn, None, [0], label="stubborn"))


def test_no_scheduler_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster, "CONNECT_S", 1)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"tcp://127.0.0.1:{free.getsockname()[1]}"
    with (
        pytest.raises(RunError, match=f"No Dask scheduler answers at {address} .*after 1 s.*Check"),
        executor(ClusterSettings(scheduler=address)),
    ):
        pass


def test_something_else_there(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(cluster, "CONNECT_S", 1)
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"tcp://127.0.0.1:{server.getsockname()[1]}"
        with (
            pytest.raises(RunError, match=f"No Dask scheduler answers at {address} .TimeoutError"),
            executor(ClusterSettings(scheduler=address)),
        ):
            pass
    assert capfd.readouterr().err == ""


def test_tls_without_certificates_says_so() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"tls://127.0.0.1:{server.getsockname()[1]}"
        with pytest.raises(RunError, match="certificates"), executor(ClusterSettings(scheduler=address)):
            pass


@pytest.mark.parametrize("address", ["tcp://127.0.0.1", "tcp://:8786", "tcp://host:port", "tcp://host:99999"])
def test_an_address_that_is_none(address: str) -> None:
    with pytest.raises(InputError, match="expected an address such as"), executor(ClusterSettings(scheduler=address)):
        pass


@pytest.mark.parametrize(
    ("address", "warned"),
    [
        ("tcp://10.1.2.3:8786", True),
        ("tcp://scheduler.example:8786", True),
        ("tcp://[2001:db8::1]:8786", True),
        ("tls://10.1.2.3:8786", False),
        ("tcp://127.0.0.1:8786", False),
        ("tcp://localhost:8786", False),
        ("tcp://[::1]:8786", False),
    ],
)
def test_plain_tcp_beyond_this_machine_is_warned_about(
    address: str,
    warned: bool,  # noqa: FBT001  # pytest passes by name
    monkeypatch: pytest.MonkeyPatch,
    recwarn: pytest.WarningsRecorder,
) -> None:
    def unreachable(*_: object, **__: object) -> None:
        raise OSError("not tried")

    monkeypatch.setattr(cluster, "connect", unreachable)
    with pytest.raises(RunError, match="not tried"), executor(ClusterSettings(scheduler=address)):
        pass
    assert any("neither encrypted" in str(warning.message) for warning in recwarn) == warned


@pytest.mark.parametrize(
    ("node", "package", "version", "message"),
    [
        ("worker", "limekiln", "0.0.9", r"^worker tcp://w:1 runs other versions: limekiln 0\.0\.9 \(here 1\)"),
        ("worker", "limekiln", None, r"^worker tcp://w:1 runs other versions: limekiln missing \(here 1\)"),
        ("scheduler", "numpy", "1.0", r"^the scheduler tcp://s:1 runs other versions: numpy 1\.0 \(here 1\)"),
        ("worker", "python", "3.9.1.final.0", r"python 3\.9 \(here 3\.11\)"),
    ],
)
def test_other_versions_are_refused(node: str, package: str, version: str | None, message: str) -> None:
    packages: dict[str, str | None] = {**dict.fromkeys(cluster._PACKAGES, "1"), "python": "3.11.7.final.0"}
    other = {"packages": packages | {package: version}}
    same = {"packages": packages | {"python": "3.11.2.final.0"}}
    versions = {
        "client": {"packages": packages},
        "scheduler": other if node == "scheduler" else same,
        "workers": {"tcp://w:0": same, "tcp://w:1": other if node == "worker" else same},
    }
    with pytest.raises(RunError, match=message):
        cluster._check_versions(versions, "tcp://s:1")


@pytest.mark.parametrize(
    ("quota", "cores"), [("max 100000", 8), ("200000 100000", 2), ("50000 100000", 1), ("900000 100000", 8)]
)
def test_a_container_has_the_cores_of_its_quota(quota: str, cores: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)), raising=False)
    monkeypatch.setattr(Path, "read_text", lambda *_, **__: quota)
    assert fanout._cores() == cores
