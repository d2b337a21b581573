"""joblib's back ends: processes of this machine, or a cluster of Dask or Ray, started here or joined."""

import os
import socket
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import AbstractContextManager, contextmanager
from importlib import import_module
from typing import Any, Literal

import joblib
from joblib.externals.loky import get_reusable_executor
from joblib.externals.loky.process_executor import BrokenProcessPool

from occlusion_toolkit.errors import OcclusionToolkitError, RunError

Backend = Literal["loky", "dask", "ray"]


class WorkersLostError(Exception):
    """A worker process or the cluster is gone, and the back end did not replace it."""


@contextmanager
def joined_cluster(
    backend: Backend, address: str | None, count: int, threads: int | None, gpus: bool
) -> Iterator[None]:
    """A block in which `joblib.Parallel` uses workers of a back end.

    Args:
        backend: which one.
        address: of a running cluster; None starts one on this machine that ends with the block.
        count: processes.
        threads: of every process, where it is started here.
        gpus: whether every process needs a GPU.

    Raises:
        WorkersLostError: a worker is gone.
        RunError: the back end is not installed, or the cluster is not there.
        OcclusionToolkitError: what a worker raised.
    """
    try:
        with _joined(backend, address, count, threads, gpus) as lost:
            try:
                yield
            except OcclusionToolkitError as error:
                cause = getattr(error, "cause", None)  # Ray makes a class of its own of what a worker raised
                raise (cause if isinstance(cause, OcclusionToolkitError) else error) from None
            except lost as error:
                raise WorkersLostError(" ".join(str(error).split())[:300] or type(error).__name__) from error
    except ModuleNotFoundError as error:
        raise RunError(
            f"the {backend} back end is not installed ({error.name} is missing); "
            "pip install 'occlusion-toolkit[cluster]'"
        ) from error


def _joined(
    backend: Backend, address: str | None, count: int, threads: int | None, gpus: bool
) -> AbstractContextManager[tuple[type[Exception], ...]]:
    """A block in which joblib uses the workers; it gives the errors that mean that some are lost."""
    if backend == "dask":
        return _dask(address, count)
    return _ray(address, count, gpus) if backend == "ray" else _loky(threads)


@contextmanager
def _loky(threads: int | None) -> Iterator[tuple[type[Exception], ...]]:
    try:
        with joblib.parallel_config("loky", inner_max_num_threads=threads):
            yield (BrokenProcessPool,)
    finally:
        get_reusable_executor().shutdown(wait=False, kill_workers=True)


@contextmanager
def _dask(address: str | None, count: int) -> Iterator[tuple[type[Exception], ...]]:
    distributed: Any = import_module("distributed")
    try:
        started = (
            distributed.LocalCluster(n_workers=count, threads_per_worker=1, dashboard_address=None)
            if address is None
            else None
        )
        client = distributed.Client(started or address)
    except OSError as error:
        raise RunError(f"there is no Dask scheduler at {address!r} ({error}); check --address") from error
    try:
        with joblib.parallel_config("dask", client=client) as settings:
            _tell_of_losses(settings["backend"])
            yield (
                distributed.KilledWorker,
                distributed.client.FutureCancelledError,
                distributed.comm.CommClosedError,
                TimeoutError,
            )
    finally:
        client.close()
        if started is not None:
            started.close()


def _tell_of_losses(backend: Any) -> None:
    """Lets `joblib.Parallel` know of tasks that Dask gave up.

    joblib 1.6 hears of errors that a task raised, but not of a task whose workers died too often
    (`KilledWorker`), and would wait for it for ever.
    """
    submit = backend.submit

    def submit_and_tell(function: Any, callback: Callable[[Any], None]) -> Future[Any]:
        def tell(done: Future[Any]) -> None:
            if done.exception() is not None:
                callback(done.exception())

        future: Future[Any] = submit(function, callback)
        future.add_done_callback(tell)
        return future

    backend.submit = submit_and_tell


@contextmanager
def _ray(address: str | None, count: int, gpus: bool) -> Iterator[tuple[type[Exception], ...]]:
    ray: Any = import_module("ray")
    errors, joblib_in_ray = ray.exceptions, import_module("ray.util.joblib")
    own = {"num_cpus": count, "include_dashboard": False} if address is None else {}
    if address is not None and address.rpartition(":")[2].isdigit():
        _knock(address)
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # a cluster started here reports to nobody
    try:
        ray.init(address=address or "local", log_to_driver=False, logging_level="ERROR", **own)
    except ConnectionError as error:
        reason = " ".join(str(error.__cause__ or error).split())[:300]
        raise RunError(f"no Ray cluster can be joined at {address!r} ({reason}); check --address") from error
    joblib_in_ray.register_ray()
    try:
        with joblib.parallel_config("ray", ray_remote_args={"num_gpus": int(gpus)}):
            yield (errors.RayActorError, errors.WorkerCrashedError, errors.NodeDiedError)
    finally:
        ray.shutdown()


def _knock(address: str) -> None:
    """Makes sure that somebody listens at host:port; Ray itself would try for minutes."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    try:
        socket.create_connection((host, int(port)), timeout=10.0).close()
    except OSError as error:
        raise RunError(f"no Ray cluster can be joined at {address!r} ({error}); check --address") from error
