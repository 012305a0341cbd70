"""A Faust app as every worker of this project needs it."""

from typing import Any

import faust

from services.messaging.topics import LARGEST_BATCH
from services.runtime.settings import Settings

_FETCH_BYTES = 12 << 20
"""Of one partition: some 27,000 events. In a backlog a case is judged, and its row written, once per chunk, so that
large chunks cost less. Live traffic never fills one: a fetch returns what is there. How much all partitions together
may hold: `faust_driver.FETCH_BYTES_OF_ALL`."""
_POLL_RECORDS = 60_000
"""Of all partitions together: more than most fetches hold, since a chunk that is cut becomes two. It limits what comes
out of events that a source has compressed."""


def worker_app(app_id: str, settings: Settings, *, partitions: int, store: str, **options: Any) -> faust.App:
    """A Faust app whose topics the installer has made.

    The worker's folder, `<state>/<worker>`, is its own. Its rows are there, and may be lost: the changelog has them.
    The group knows a member by the worker's name (static membership), so that one that comes back within its session
    goes on at once, without a rebalance.

    Args:
        settings: broker, state folder, worker name and session of this worker.
        partitions: of the topics that this app reads.
        store: `rocksdb` or `memory`.
        options: further settings of Faust, such as `broker_credentials`.
    """
    session_seconds = settings.session_timeout_seconds
    data_dir = settings.state / settings.worker
    data_dir.mkdir(parents=True, exist_ok=True)
    return faust.App(
        app_id,
        broker=[f"kafka://{address.strip()}" for address in settings.bootstrap.split(",")],
        store=f"{store}://",
        datadir=data_dir,
        key_serializer="raw",
        value_serializer="raw",
        topic_partitions=partitions,
        topic_allow_declare=False,  # else Faust asks for the creation of topics that exist, which it may not be allowed
        topic_disable_leader=True,
        web_enabled=False,
        consumer_group_instance_id=settings.worker,
        consumer_auto_offset_reset="earliest",
        consumer_max_fetch_size=_FETCH_BYTES,
        broker_session_timeout=session_seconds,
        broker_heartbeat_interval=min(3.0, session_seconds / 6),
        broker_rebalance_timeout=max(30.0, session_seconds),
        broker_commit_interval=1.0,
        broker_max_poll_records=_POLL_RECORDS,
        producer_linger=0.005,
        producer_max_batch_size=LARGEST_BATCH,
        producer_max_request_size=1 << 20,
        stream_wait_empty=False,
        stream_recovery_delay=0,
        table_standby_replicas=0,
        worker_redirect_stdouts=False,
        **{"autodiscover": False, **options},  # a package that fails to import would be passed over in silence
    )
